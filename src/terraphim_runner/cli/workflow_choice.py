"""Which workflow `run` means."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from terraphim_runner.cli.phrase import count, one_line
from terraphim_runner.cli.source_file import WORKFLOWS, files_in, find_repository, find_workflows, read_source
from terraphim_runner.domain.errors import UsageError, WorkflowError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from terraphim_runner.workflow.document import Workflow


@dataclass(frozen=True, slots=True)
class ChosenWorkflow:
    """A workflow file and its repository; `name` is the file's path in it."""

    repository: Path
    name: str
    text: str


@dataclass(frozen=True, slots=True)
class _Candidate:
    file: ChosenWorkflow
    workflow: Workflow | None  # None: it has faults

    def events(self) -> str:
        if self.workflow is None:
            return "has faults: terraphim-runner validate"
        return ", ".join(one_line(trigger.name.value) for trigger in self.workflow.triggers)


def choose_workflow(wanted: Path | None, event_name: str, directory: Path) -> ChosenWorkflow:
    """Find the workflow that was named, or the only one that listens to the event.

    Raises:
        UsageError: there is none, or there are several; the hint lists them.
        WorkflowError: the file is not text.
    """
    if wanted is not None:
        return _named(wanted, directory)
    repository = find_repository(directory)
    if repository is None:
        raise UsageError(
            f"there is no {WORKFLOWS} in {directory} or above it",
            hint="go to a repository that has workflows, or name a workflow file",
        )
    return _only_listener(find_workflows(repository), event_name, repository, repository / WORKFLOWS)


def choose_listener(place: Path, event_name: str, directory: Path) -> ChosenWorkflow:
    """Find the only workflow in the directory `place` that listens to the event; the user stands in `directory`.

    Raises:
        UsageError: there is none, or there are several; the hint lists them.
        WorkflowError: a file is not text.
    """
    repository = find_repository(place) or find_repository(directory) or directory
    return _only_listener(files_in(place), event_name, repository, place)


def is_there(wanted: Path, directory: Path) -> bool:
    """Tell whether a workflow file is meant by this path or name."""
    return _path_of(wanted, directory, find_repository(directory)).is_file()


def _named(wanted: Path, directory: Path) -> ChosenWorkflow:
    try:
        return _find_named(wanted, directory)
    except OSError as error:
        raise UsageError(f"cannot read {wanted}: {error.strerror}") from error


def _find_named(wanted: Path, directory: Path) -> ChosenWorkflow:
    path = directory / wanted
    repository = find_repository(path.parent if path.exists() else directory)
    path = _path_of(wanted, directory, repository)
    if not path.exists():
        raise UsageError(f"there is no file {wanted}", hint=_known(repository))
    if path.is_dir():
        hint = "name a workflow file; for the workflows of another repository, go there first"
        raise UsageError(f"{wanted} is a directory", hint=hint)
    return _read(path, repository or path.parent)


def _path_of(wanted: Path, directory: Path, repository: Path | None) -> Path:
    path = directory / wanted
    if path.is_file() or repository is None or len(wanted.parts) != 1:
        return path
    names = (wanted.name, f"{wanted.name}.yml", f"{wanted.name}.yaml")  # `run ci` is short for the whole path
    return next((found for name in names if (found := repository / WORKFLOWS / name).exists()), path)


def _known(repository: Path | None) -> str:
    if repository is None:
        return f"there is no {WORKFLOWS} here or above either: go to a repository, or give the file's path"
    return "workflows here: " + ", ".join(path.name for path in find_workflows(repository))


def _read(path: Path, repository: Path) -> ChosenWorkflow:
    path = path.resolve()
    root = repository.resolve()
    name = path.relative_to(root).as_posix() if path.is_relative_to(root) else path.as_posix()
    source = read_source(path, name)
    if source.fault is not None:
        raise WorkflowError([source.fault])
    return ChosenWorkflow(root, name, source.text)


def _candidate(file: ChosenWorkflow) -> _Candidate:
    from terraphim_runner.workflow.reader import read_workflow  # noqa: PLC0415  # a worker reads what is named

    return _Candidate(file, read_workflow(file.text, file.name).workflow)


def _only_listener(paths: Sequence[Path], event_name: str, repository: Path, place: Path) -> ChosenWorkflow:
    candidates = [_candidate(_read(path, repository)) for path in paths]
    if len(candidates) == 1 and candidates[0].workflow is None:
        return candidates[0].file  # its faults are the message
    listeners = [each for each in candidates if each.workflow is not None and each.workflow.trigger(event_name)]
    if len(listeners) == 1:
        return listeners[0].file
    if not listeners:
        shown, problem = candidates, f"no workflow in {place} listens to {event_name!r}"
    else:
        shown, problem = listeners, f"{count(len(listeners), 'workflow')} listen to {event_name!r}: name one"
    lines = [f"  {each.file.name}  ({each.events()})" for each in shown]
    raise UsageError("\n".join([problem, *lines]), hint="terraphim-runner run [WORKFLOW] --event NAME")
