"""The `github` and `runner` contexts, and the environment variables made of them.

Which of the context's names become variables is the official runner's list (GitHubContext, RunnerContext).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

_VARIABLES = (
    "action",
    "action_path",
    "action_ref",
    "action_repository",
    "actor",
    "actor_id",
    "api_url",
    "base_ref",
    "env",
    "event_name",
    "event_path",
    "graphql_url",
    "head_ref",
    "job",
    "output",
    "path",
    "ref",
    "ref_name",
    "ref_protected",
    "ref_type",
    "repository",
    "repository_id",
    "repository_owner",
    "repository_owner_id",
    "retention_days",
    "run_attempt",
    "run_id",
    "run_number",
    "server_url",
    "sha",
    "state",
    "step_summary",
    "triggering_actor",
    "workflow",
    "workflow_ref",
    "workflow_sha",
    "workspace",
)
COMMAND_FILES = {  # command file: the environment variable that names it
    "env": "GITHUB_ENV",
    "output": "GITHUB_OUTPUT",
    "path": "GITHUB_PATH",
    "state": "GITHUB_STATE",
    "step_summary": "GITHUB_STEP_SUMMARY",
}


@dataclass(frozen=True, slots=True)
class JobPlace:
    """Where a job's files are in the VM."""

    workspace: str
    temp: str
    tool_cache: str
    scratch: str  # scripts and command files; no variable names it, as they may be anywhere

    @property
    def event_path(self) -> str:
        """The file with the event's payload."""
        return f"{self.temp}/_github_workflow/event.json"


def github_context(run: Mapping[str, Any], *, job_id: str, place: JobPlace) -> dict[str, Any]:
    """Complete the run's `github` context for one job."""
    visibility = _visibility(run.get("event"))
    return {
        "action_ref": "",
        "action_repository": "",
        "artifact_cache_size_limit": "10",
        "job_workflow_sha": run.get("workflow_sha", ""),
        "secret_source": "Actions",
        **({"repository_visibility": visibility} if visibility else {}),
        **run,
        "job": job_id,
        "workspace": place.workspace,
        "event_path": place.event_path,
    }


def with_token(github: Mapping[str, Any], secrets: Mapping[str, str]) -> dict[str, Any]:
    """Complete the `github` context for a job that has these secrets: its token is one of them, or empty."""
    return {**github, "token": secrets.get("GITHUB_TOKEN", "")}


def github_environment(context: Mapping[str, Any]) -> dict[str, str]:
    """Give the `GITHUB_*` variables of a step."""
    environment = {"GITHUB_ACTIONS": "true"}
    for name in _VARIABLES:
        value = context.get(name)
        if value is not None:
            environment[f"GITHUB_{name.upper()}"] = _text(value)
    return environment


def job_context(github: Mapping[str, Any], *, file: str, status: str) -> dict[str, Any]:
    """Give the `job` context of a job that is written in `file`; there are no containers, and no check run."""
    repository = github.get("repository", "")
    return {
        "status": status,
        "container": {},
        "services": {},
        "workflow_ref": f"{repository}/{file}@{github.get('ref', '')}",
        "workflow_sha": github.get("workflow_sha", ""),
        "workflow_repository": repository,
        "workflow_file_path": file,
    }


def runner_context(place: JobPlace, *, name: str, architecture: str) -> dict[str, str]:
    """Give the `runner` context."""
    return {
        "os": "Linux",
        "arch": architecture,
        "name": name,
        "environment": "self-hosted",
        "temp": place.temp,
        "tool_cache": place.tool_cache,
        "workspace": place.workspace.rpartition("/")[0],
    }


def runner_environment(context: Mapping[str, str]) -> dict[str, str]:
    """Give the `RUNNER_*` variables of a step, and what tools look for in their stead."""
    variables = {f"RUNNER_{name.upper()}": value for name, value in context.items()}
    return {"AGENT_TOOLSDIRECTORY": context.get("tool_cache", ""), **variables}


def default_environment(*, image: str, tracking_id: str) -> dict[str, str]:
    """Give what a step has unless the author sets it; `ImageOS` is like the `ubuntu24` of hosted runners."""
    return {
        "CI": "true",
        "ImageOS": image.partition("@")[0].replace("-", ""),
        "ImageVersion": image,
        "RUNNER_TRACKING_ID": tracking_id,
    }


def _visibility(event: object) -> str:
    repository = event.get("repository") if isinstance(event, dict) else None
    value = repository.get("visibility") if isinstance(repository, dict) else None
    return value if isinstance(value, str) else ""


def _text(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
