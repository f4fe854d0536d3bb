"""One file's faults: its own, and those of its calls to workflows beside it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from terraphim_runner.cli.source_file import WORKFLOWS
from terraphim_runner.wiring.called_workflow import local_loader
from terraphim_runner.wiring.time_zone import known_time_zones
from terraphim_runner.workflow.call import check_calls
from terraphim_runner.workflow.matrix import matrix_faults
from terraphim_runner.workflow.read_action import read_action
from terraphim_runner.workflow.reader import read_workflow
from terraphim_runner.workflow.time_zone import time_zone_faults

if TYPE_CHECKING:
    from collections.abc import Iterator

    from terraphim_runner.cli.source_file import SourceFile
    from terraphim_runner.domain.diagnostic import Diagnostic
    from terraphim_runner.workflow.document import Workflow


def validate_source(source: SourceFile) -> tuple[Diagnostic, ...]:
    """Give every fault of a workflow or action file, in its order; last those in the workflows it calls."""
    if source.fault is not None:
        return (source.fault,)
    if source.is_action:
        return read_action(source.text, source.name).diagnostics
    result = read_workflow(source.text, source.name)
    found = [*result.diagnostics, *(() if result.workflow is None else _faults_around(result.workflow))]
    return tuple(
        sorted(found, key=lambda each: (_file_of(each, source), each.span.start.line, each.span.start.column))
    )


def _file_of(fault: Diagnostic, source: SourceFile) -> str:
    return "" if fault.span.file == source.name else fault.span.file


def _faults_around(workflow: Workflow) -> Iterator[Diagnostic]:
    """Give what is wrong with a workflow beyond the file's own form: what a run would find before it starts."""
    yield from time_zone_faults(workflow, known_time_zones)
    yield from matrix_faults(workflow)
    yield from _call_faults(workflow)


def _call_faults(workflow: Workflow) -> tuple[Diagnostic, ...]:
    repository = repository_of(workflow.file)
    if repository is None:
        return ()
    own = workflow.file
    return tuple(
        _named_from_here(each, own, repository) for each in check_calls(workflow, local_loader(repository))
    )


def _named_from_here(fault: Diagnostic, own: str, repository: Path) -> Diagnostic:
    """Name the called file that a fault is in as it would be if it had been given: by the way to it from here."""
    if fault.span.file == own:
        return fault
    return replace(fault, span=replace(fault.span, file=(repository / fault.span.file).as_posix()))


def repository_of(name: str) -> Path | None:
    """Find the repository a workflow file belongs to by its path; None for a file that lies elsewhere."""
    written = Path(name).parent
    places = (written, written.absolute())  # the second: the user stands in it, or below its repository
    return next((each.parents[1] for each in places if each.parts[-2:] == WORKFLOWS.parts), None)
