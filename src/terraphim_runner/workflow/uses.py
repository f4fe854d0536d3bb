"""What `uses:` may name: an action of a step, or the workflow that a job calls."""

from __future__ import annotations

import re

_WORKFLOWS = re.compile(r"\.github/workflows(?:-lab)?/")
_NAME = re.compile(r"[A-Za-z0-9._-]+")  # of an owner or a repository
_HIDDEN_OR_LOCK = re.compile(r"(?:^|/)\.|\.lock(?:/|$)")  # git keeps such names of refs for itself
_BAD_IN_REF = re.compile(r"[\x00-\x1f\x7f?*\[\]\\~^:]|@\{|\.\.|//")

LOCAL = ("./", ".\\", "$/")


def action_fault(uses: str) -> str | None:
    """Say what is wrong with what a step uses."""
    if uses.startswith(("docker://", *LOCAL)):
        return None
    name, _, ref = uses.partition("@")
    segments = re.split(r"[\\/]", name)
    if uses.count("@") != 1 or not ref or not all(segments[:2]) or len(segments) < 2:
        return f"Expected format {{org}}/{{repo}}[/path]@ref. Actual '{uses}'"
    if segments[2:4] == [".github", "workflows"]:
        return (
            "Reusable workflows should be referenced at the top-level `jobs.<job_id>.uses` key, not within steps"
        )
    return None


def workflow_fault(uses: str) -> str | None:
    """Say what is wrong with the workflow that a job calls."""
    reason = _own_fault(uses) if uses.startswith(("./", "$/")) else _remote_fault(uses)
    return f"Invalid workflow reference '{uses}': {reason}" if reason else None


def _own_fault(uses: str) -> str | None:
    kind = "self repository" if uses.startswith("$/") else "local"
    path = uses[2:]
    if not _WORKFLOWS.match(path):
        references = "workflows" if kind == "self repository" else "workflow references"
        return f"{kind} {references} must be rooted in '.github/workflows'"
    if "@" in path:
        return f"cannot specify version when calling {kind} workflows"
    return _file_fault(path)


def _remote_fault(uses: str) -> str | None:
    name, at, ref = uses.partition("@")
    if not at or not ref:
        return "no version specified"
    if "@" in ref:
        return "too many '@' in workflow reference"
    found = _WORKFLOWS.search(name)
    if found is None:
        return "references to workflows must be rooted in '.github/workflows'"
    return _repository_fault(name[: found.start()]) or _ref_fault(ref) or _file_fault(name[found.start() :])


def _repository_fault(prefix: str) -> str | None:
    segments = [segment for segment in prefix.split("/") if segment]
    if len(segments) != 2:
        return (
            "references to workflows must be prefixed with format 'owner/repository/' or './' for local workflows"
        )
    owner, repository = segments
    if not _NAME.fullmatch(owner):
        return f"'{owner}' is no owner's name"
    return None if _NAME.fullmatch(repository) else f"'{repository}' is no repository's name"


def _ref_fault(ref: str) -> str | None:
    if ref.startswith(("/", ".")) or ref.endswith(("/", ".")):
        return "version cannot begin or end with a slash '/' or a dot '.'"
    if any(character.isspace() for character in ref):
        return "version cannot have whitespace"
    if found := _BAD_IN_REF.search(ref):
        return f"invalid character '{found[0]}' in version"
    return f"invalid version: {ref}" if _HIDDEN_OR_LOCK.search(ref) else None


def _file_fault(path: str) -> str | None:
    parts = path.split("/")
    if not path.endswith((".yml", ".yaml")):
        return "workflow file should have either a '.yml' or '.yaml' file extension"
    if len(parts) != 3:
        return "workflows must be defined at the top level of the .github/workflows/ directory"
    return "invalid workflow file name" if parts[2] in {".yml", ".yaml"} else None
