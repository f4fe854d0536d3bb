"""What stays the same while a run, or one job of it, is under way."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from terraphim_runner.domain.conclusion import Conclusion
from terraphim_runner.executor.github_context import (
    JobPlace,
    github_environment,
    runner_environment,
)
from terraphim_runner.executor.scope import run_scope

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from terraphim_runner.executor.cancellation import Cancellation
    from terraphim_runner.executor.mask import Masker
    from terraphim_runner.executor.record import JobRecord, NeedsRecord
    from terraphim_runner.expressions.scope import Scope
    from terraphim_runner.expressions.value import Value
    from terraphim_runner.ports.clock import Clock
    from terraphim_runner.ports.event_sink import EventSink
    from terraphim_runner.ports.vm import Root
    from terraphim_runner.ports.work_tree import WorkTree
    from terraphim_runner.session.session import Session
    from terraphim_runner.workflow.document import Workflow
    from terraphim_runner.workflow.job import NormalJob

CONTEXTS = frozenset(
    {"github", "env", "job", "steps", "runner", "secrets", "vars", "strategy", "matrix", "needs", "inputs"}
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class RunFrame:
    """The run's part."""

    session: Session
    sink: EventSink
    clock: Clock
    cancellation: Cancellation
    masker: Masker
    github: Mapping[str, Any]
    env: Mapping[str, str]  # --env
    event_payload: bytes
    work_tree: WorkTree | None


@dataclass(frozen=True, slots=True)
class JobFrame:
    """The job leg's part."""

    run: RunFrame
    root: Root  # where this job's commands run
    cancellation: Cancellation  # of this job: the run's asks it too, and so may another leg's failure
    workflow: Workflow  # the one that the job is written in, which may be a called one
    job: NormalJob
    key: str
    name: str
    place: JobPlace
    github: Mapping[str, Any]
    runner: Mapping[str, str]
    matrix: Value
    strategy: Value
    needs: Mapping[str, NeedsRecord]
    inputs: Value
    secrets: Mapping[str, str]  # those this job is entitled to
    variables: Mapping[str, str]
    env: Mapping[str, str]  # the workflow's and the job's, evaluated

    def scope(self, record: JobRecord, step_env: Mapping[str, str] | None = None) -> Scope:
        """Give what expressions of this job see now."""
        contexts: dict[str, Any] = {
            "github": self.github,
            "env": {**self.run.env, **self.env, **record.env, **(step_env or {})},
            "job": {"status": _job_status(record, self.cancellation)},
            "steps": {step_id: step.as_context() for step_id, step in record.steps.items()},
            "runner": self.runner,
            "secrets": self.secrets,
            "vars": self.variables,
            "strategy": self.strategy,
            "matrix": self.matrix,
            "needs": {job: needed.as_context() for job, needed in self.needs.items()},
            "inputs": self.inputs,
        }
        return run_scope(contexts, status_functions(record.status, self.cancellation))

    def step_environment(self, record: JobRecord, step_env: Mapping[str, str]) -> dict[str, str]:
        """Give a step's whole environment; later sources override earlier ones."""
        base = self.root.environment
        environment = {
            **base,
            **self.run.env,
            **self.env,
            **record.env,
            **step_env,
            **github_environment(self.github),
            **runner_environment(self.runner),
        }
        if record.path:
            environment["PATH"] = ":".join([*record.path, environment.get("PATH", "")])
        return environment


def status_functions(status: Conclusion, cancellation: Cancellation) -> dict[str, Callable[..., Value]]:
    """Give the status functions as a step sees them."""
    is_cancelled = cancellation.is_requested or status is Conclusion.CANCELLED
    return {
        "always": lambda: True,
        "cancelled": lambda: is_cancelled,
        "failure": lambda: not is_cancelled and status is Conclusion.FAILURE,
        "success": lambda: not is_cancelled and status is Conclusion.SUCCESS,
    }


def _job_status(record: JobRecord, cancellation: Cancellation) -> str:
    return (Conclusion.CANCELLED if cancellation.is_requested else record.status).value
