"""`terraphim-runner list`: the workflows of a repository, and which of them an event would run."""

from __future__ import annotations

import json
from dataclasses import dataclass
from enum import Enum
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from terraphim_runner.cli.event_payload import read_payload
from terraphim_runner.cli.phrase import count, one_line
from terraphim_runner.cli.source_file import current_directory, find_workflows, read_source
from terraphim_runner.cli.workflow_file import require_repository, shown_name
from terraphim_runner.domain.diagnostic import Severity
from terraphim_runner.domain.errors import UsageError, WorkflowError
from terraphim_runner.workflow.job_graph import order
from terraphim_runner.workflow.reader import read_workflow
from terraphim_runner.workflow.trigger import decide

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from terraphim_runner.domain.diagnostic import Diagnostic
    from terraphim_runner.workflow.document import Workflow
    from terraphim_runner.workflow.event_context import EventContext
    from terraphim_runner.workflow.trigger import Decision


class ListFormat(Enum):
    """How the list is printed."""

    TEXT = "text"
    JSON = "json"


Files = Annotated[
    list[Path] | None, typer.Argument(metavar="FILES", help="Workflow files. Default: the repository's.")
]
EventName = Annotated[str | None, typer.Option("--event", help="Say which workflows this event would run.")]
EventFile = Annotated[
    Path | None, typer.Option("--event-file", "--eventpath", "-e", help="The event's payload, as JSON.")
]
ChangedFiles = Annotated[
    list[str] | None,
    typer.Option(
        "--changed-files",
        help="The files that changed, separated by commas; may be repeated; @FILE reads them line by line.",
    ),
]
Explain = Annotated[bool, typer.Option("--explain", help="Say why each workflow runs or does not.")]
Output = Annotated[ListFormat, typer.Option("--output", "-o", help="How the list is printed.")]


@dataclass(frozen=True, slots=True)
class Listed:
    """One workflow file; without errors it is read, and with an event it is decided on."""

    file: str
    workflow: Workflow | None
    errors: tuple[Diagnostic, ...]
    decision: Decision | None

    @property
    def runs(self) -> bool | None:
        """Say whether the event would run it; None without an event."""
        if self.workflow is None:
            return False
        return None if self.decision is None else self.decision.runs

    @property
    def reason(self) -> str | None:
        """Say why, or why not; None without an event."""
        if self.errors:
            line, message = self.errors[0].span.start.line, self.errors[0].message
            return f"the file has {count(len(self.errors), 'error')}, in line {line}: {message}"
        return None if self.decision is None else self.decision.reason

    @property
    def jobs(self) -> list[str]:
        """Give the ids of its jobs, each after those it needs."""
        return [] if self.workflow is None else [job.id.value for job in order(self.workflow.jobs)]


def list_workflows(
    files: Files = None,
    event: EventName = None,
    event_file: EventFile = None,
    changed_files: ChangedFiles = None,
    explain: Explain = False,
    output: Output = ListFormat.TEXT,
) -> None:
    """List workflows with their events and jobs; with an event, say which of them it would run."""
    paths = files or find_workflows(require_repository())
    context = _event(paths, event, event_file, changed_files)
    listed = [_listed(path, context) for path in paths]
    if output is ListFormat.JSON:
        typer.echo(as_json(listed))
    else:
        for line in as_text(listed, explain=explain):
            typer.echo(line)
    if any(each.errors for each in listed):
        raise typer.Exit(WorkflowError.exit_code)


def as_json(listed: Sequence[Listed]) -> str:
    """Give a list of objects: workflow, runs, reason, jobs."""
    rows = [
        {"workflow": each.file, "runs": each.runs, "reason": each.reason, "jobs": each.jobs} for each in listed
    ]
    return json.dumps(rows, indent=2, ensure_ascii=False)


def as_text(listed: Sequence[Listed], *, explain: bool) -> Iterator[str]:
    """Give a line for each workflow, and under it the reasons if they are asked for."""
    width = max((len(one_line(each.file)) for each in listed), default=0)
    for each in listed:
        yield f"{_verdict(each)}{one_line(each.file):<{width}}  {_facts(each)}".rstrip()
        if each.errors:
            yield f"    {one_line(each.reason or '')}"
        if explain and each.decision is not None:
            yield f"    because {one_line(each.decision.reason)}"
            yield from (f"    note: {one_line(note)}" for note in each.decision.notes)


def _verdict(each: Listed) -> str:
    if each.errors:
        return "error  "
    return "" if each.runs is None else "runs   " if each.runs else "skips  "


def _facts(each: Listed) -> str:
    if each.workflow is None:
        return ""
    events = ", ".join(trigger.name.value for trigger in each.workflow.triggers)
    return f"on {events}; {count(len(each.jobs), 'job')}: {', '.join(each.jobs)}"


def _listed(path: Path, event: EventContext | None) -> Listed:
    source = read_source(path, shown_name(path))
    if source.fault is not None:
        return Listed(source.name, None, (source.fault,), None)
    result = read_workflow(source.text, source.name)
    if result.workflow is None:
        errors = tuple(each for each in result.diagnostics if each.severity is Severity.ERROR)
        return Listed(source.name, None, errors, None)
    decision = None if event is None else decide(result.workflow, event)
    return Listed(source.name, result.workflow, (), decision)


def _event(
    paths: Sequence[Path], name: str | None, file: Path | None, changed_files: Sequence[str] | None
) -> EventContext | None:
    if name is None and file is None and changed_files is None:
        return None
    import anyio  # noqa: PLC0415 - git is asked only for an event

    from terraphim_runner.wiring.local_event import local_event  # noqa: PLC0415

    directory = paths[0].resolve().parent if paths else current_directory()
    payload = read_payload(file)
    changed = None if changed_files is None else tuple(_changed(changed_files))
    return anyio.run(partial(local_event, directory, name or "push", payload, changed))


def _changed(values: Sequence[str]) -> Iterator[str]:
    for value in values:
        names = _read_names(Path(value[1:])) if value.startswith("@") else value.split(",")
        yield from (name.strip() for name in names if name.strip())


def _read_names(file: Path) -> list[str]:
    try:
        return file.read_text(encoding="utf-8").splitlines()
    except (OSError, ValueError) as error:
        raise UsageError(f"cannot read the changed files from {file}: {error}") from error
