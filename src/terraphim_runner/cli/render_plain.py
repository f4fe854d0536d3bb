"""Lines for pipes, files and CI logs: one for each event and each line of output, told apart by `job/step`."""

from __future__ import annotations

from typing import TYPE_CHECKING, assert_never

from terraphim_runner.cli.annotation_list import AnnotationList
from terraphim_runner.cli.duration import duration_text
from terraphim_runner.cli.log_line import LineKind, parse_line
from terraphim_runner.cli.phrase import (
    concurrency_queued,
    count,
    job_facts,
    ledger_evidence,
    one_line,
    step_facts,
    usage_facts,
    vm_allocated,
    vm_evidence,
)
from terraphim_runner.cli.terminal_text import RESET, clean
from terraphim_runner.domain import event as events
from terraphim_runner.domain.conclusion import Conclusion

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from terraphim_runner.cli.writer import Writer

_JobEvent = events.JobPlanned | events.JobStarted | events.StepStarted | events.StepFinished | events.JobFinished
_OneLineEvent = (
    events.RunStarted | events.SessionQueued | events.VmAllocated | events.VmReleased | events.Notice | _JobEvent
)
_COLOURS = {
    Conclusion.SUCCESS: "\x1b[32m",
    Conclusion.FAILURE: "\x1b[1;31m",
    Conclusion.CANCELLED: "\x1b[33m",
    Conclusion.SKIPPED: "\x1b[2m",
}
_MARKS = {
    LineKind.OUTPUT: "",
    LineKind.GROUP: "> ",
    LineKind.ERROR: "error: ",
    LineKind.WARNING: "warning: ",
    LineKind.NOTICE: "notice: ",
    LineKind.DEBUG: "debug: ",
    LineKind.COMMAND: "$ ",
}


class PlainRenderer:
    """An `EventSink` that writes lines of text."""

    def __init__(self, writer: Writer, *, has_colours: bool = False) -> None:
        """Write there, with colours where they are wanted."""
        self._writer = writer
        self._has_colours = has_colours
        self._annotations = AnnotationList()

    def emit(self, event: events.RunEvent) -> None:
        """Write the event's lines."""
        match event:
            case events.StepOutput():
                self._write(self._output_lines(event))
            case events.StepSummary():
                self._write(self._summary_lines(event))
            case events.Annotation():
                self._annotations.add(event)  # its line is in the log
            case events.RunFinished():
                self._write(self._result(event))
            case events.ConcurrencyQueued():
                who = event.job or f"run {event.run_id}"
                self._write([f"{one_line(who)}: {concurrency_queued(event)}"])
            case _:
                self._write([self._line(event)])

    def _write(self, lines: Iterable[str]) -> None:
        self._writer.write("".join(f"{line}\n" for line in lines))

    def _output_lines(self, event: events.StepOutput) -> Iterator[str]:
        prefix = f"{one_line(event.job)}/{event.step} | "
        for line in map(parse_line, event.lines):
            if line is not None:
                for part in line.text.split("\n"):
                    yield prefix + _MARKS[line.kind] + clean(part, has_colours=self._has_colours)

    def _summary_lines(self, event: events.StepSummary) -> Iterator[str]:
        for line in event.text.split("\n"):
            yield f"{one_line(event.job)}/{event.step} summary | {clean(line, has_colours=False)}"

    def _line(self, event: _OneLineEvent) -> str:
        match event:
            case events.RunStarted():
                title = f": {one_line(event.title)}" if event.title not in {"", event.workflow} else ""
                what = f"{one_line(event.workflow)}{title} ({one_line(event.file)}) for {event.event_name}"
                return f"run {event.run_id}: {what}, {count(len(event.jobs), 'job')}"
            case events.SessionQueued():
                return f"run {event.run_id}: waits for a free session, {event.position} in the queue"
            case events.VmAllocated():
                return f"vm: {vm_allocated(event)}"
            case events.VmReleased():
                return f"vm: {event.vm_id} released in {duration_text(event.duration_s)}"
            case events.Notice():
                return f"{event.level}: {one_line(event.message)}"
            case _:
                return self._job_line(event)

    def _job_line(self, event: _JobEvent) -> str:
        match event:
            case events.JobPlanned():
                return f"{one_line(event.job.key)} planned: {count(len(event.job.steps), 'step')}"
            case events.JobStarted():
                return f"{one_line(event.job)} started"
            case events.StepStarted():
                return f"{one_line(event.job)}/{event.step} started: {one_line(event.name)}"
            case events.StepFinished():
                return self._step_finished(event)
            case events.JobFinished():
                facts = job_facts(event)
                return f"{one_line(event.job)} {self._word(event.conclusion)}{facts and f' ({facts})'}"
            case _:
                assert_never(event)

    def _step_finished(self, event: events.StepFinished) -> str:
        place = f"{one_line(event.job)}/{event.step}"
        facts = step_facts(event)
        return f"{place} {self._word(event.conclusion)}: {one_line(event.name)}{facts and f' ({facts})'}"

    def _result(self, result: events.RunFinished) -> Iterator[str]:
        yield ""
        yield f"{self._word(result.conclusion)} in {duration_text(result.duration_s)}"
        if result.reason:
            yield f"reason: {one_line(result.reason)}"
        if result.error:
            yield f"error: {one_line(result.error)}"
        if result.hint:
            yield f"hint: {one_line(result.hint)}"
        for job in result.jobs:
            facts = job_facts(job)
            yield f"  {job.conclusion.value:<9} {one_line(job.name)}{facts and f' ({facts})'}"
            for step in job.steps:
                facts = step_facts(step)
                yield f"    {step.conclusion.value:<9} {one_line(step.name)}{facts and f' ({facts})'}"
        yield from self._annotation_lines(result)
        if result.vm is not None:
            yield f"vm: {vm_evidence(result.vm)}"
        if result.usage is not None:
            yield f"used: {usage_facts(result.usage)}"
        yield f"ledger: {ledger_evidence(result)}"

    def _annotation_lines(self, result: events.RunFinished) -> Iterator[str]:
        for level, line in self._annotations.lines(result):
            yield f"{level.value}: {line}"
        if self._annotations.left_out:
            yield f"and {count(self._annotations.left_out, 'annotation')} more"

    def _word(self, conclusion: Conclusion) -> str:
        if not self._has_colours:
            return conclusion.value
        return f"{_COLOURS[conclusion]}{conclusion.value}{RESET}"
