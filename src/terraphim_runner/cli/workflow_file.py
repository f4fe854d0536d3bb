"""Workflow files by name, read, for commands that only look at them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from terraphim_runner.cli.source_file import current_directory, find_repository, find_workflows, read_source
from terraphim_runner.domain.diagnostic import Severity
from terraphim_runner.domain.errors import UsageError, WorkflowError
from terraphim_runner.workflow.reader import read_workflow
from terraphim_runner.workflow.suggestion import did_you_mean

if TYPE_CHECKING:
    from collections.abc import Sequence

    from terraphim_runner.workflow.document import Workflow


def require_repository() -> Path:
    """Find the repository the user stands in.

    Raises:
        UsageError: there is none with workflows.
    """
    repository = find_repository(current_directory())
    if repository is None:
        hint = "go to a repository that has .github/workflows, or name a file"
        raise UsageError("there are no workflows here", hint=hint)
    return repository


def find_workflow(wanted: str | None) -> Path:
    """Find a workflow by path, by file name with or without its ending, or take the only one there is.

    Raises:
        UsageError: there is none such, or several and none was named.
    """
    if wanted is not None and Path(wanted).is_file():
        return Path(wanted)
    found = find_workflows(require_repository())
    if wanted is None and len(found) == 1:
        return found[0]
    named = [path for path in found if wanted in {path.name, path.stem}]
    if len(named) == 1:
        return named[0]
    raise _unclear(wanted, [path.name for path in found])


def _unclear(wanted: str | None, names: Sequence[str]) -> UsageError:
    listed = f"there are: {', '.join(names)}"
    if wanted is None:
        return UsageError("which workflow?", hint=listed)
    return UsageError(f"there is no workflow '{wanted}'", hint=did_you_mean(wanted, names) or listed)


def shown_name(path: Path) -> str:
    """Name a file as it is shown: from the repository's root, for a workflow in its place."""
    parts = path.resolve().parts
    return "/".join(parts[-3:]) if parts[-3:-1] == (".github", "workflows") else path.as_posix()


def load_workflow(path: Path) -> Workflow:
    """Read a workflow file.

    Raises:
        WorkflowError: it has errors; all of them.
        UsageError: it cannot be read.
    """
    source = read_source(path, shown_name(path))
    if source.fault is not None:
        raise WorkflowError([source.fault])
    result = read_workflow(source.text, source.name)
    if result.workflow is None:
        raise WorkflowError([each for each in result.diagnostics if each.severity is Severity.ERROR])
    return result.workflow
