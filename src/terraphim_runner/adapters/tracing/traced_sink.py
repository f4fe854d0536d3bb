"""One run as a trace: the run, its VM's allocation, each job, each step, each command executed in the VM."""

from __future__ import annotations

import posixpath
from datetime import timedelta
from typing import TYPE_CHECKING

from opentelemetry import trace
from opentelemetry.trace import Status, StatusCode

from terraphim_runner.domain.conclusion import Conclusion
from terraphim_runner.domain.event import (
    JobFinished,
    JobStarted,
    RunFinished,
    RunStarted,
    StepFinished,
    StepStarted,
    VmAllocated,
    VmReleased,
)

if TYPE_CHECKING:
    from datetime import datetime

    from opentelemetry.context import Context
    from opentelemetry.trace import Span, Tracer

    from terraphim_runner.domain.event import RunEvent
    from terraphim_runner.ports.event_sink import EventSink
    from terraphim_runner.ports.execution_sink import ExecutionReport

_Key = tuple[str, int]  # job and step; ("", 0) is the run, (job, 0) the job
_RUN: _Key = ("", 0)


class TracedSink:
    """An `EventSink` in front of another one, and an `ExecutionSink`, for one run.

    Times and names are those of what it is told: masked.
    """

    def __init__(self, sink: EventSink, tracer: Tracer) -> None:
        """Pass on to `sink`."""
        self._sink = sink
        self._tracer = tracer
        self._open: dict[_Key, Span] = {}
        self._contexts: dict[_Key, Context] = {}  # those of spans that have ended, too

    def emit(self, event: RunEvent) -> None:
        """Trace, and pass on."""
        self._trace(event)
        self._sink.emit(event)

    def record(self, report: ExecutionReport) -> None:
        """Trace a command, below the step or the job that it was for."""
        name = posixpath.basename(report.program)
        span = self._tracer.start_span(f"exec {name}", self._context_of(report), start_time=_ns(report.started_at))
        span.set_attributes({"process.executable.name": name, "vm.root": report.root})
        if report.status is not None and report.status.code is not None:
            span.set_attribute("process.exit.code", report.status.code)
        if fault := _fault(report):
            span.set_status(Status(StatusCode.ERROR, fault))
        span.end(_ns(report.ended_at))

    def _context_of(self, report: ExecutionReport) -> Context | None:
        # The innermost that has begun: a root is set up before its job has, a name evaluated before its step has.
        origin = report.origin
        keys = [_RUN] if origin is None else [(origin.job, origin.step), (origin.job, 0), _RUN]
        return next((self._contexts[key] for key in keys if key in self._contexts), None)

    def _trace(self, event: RunEvent) -> None:
        match event:
            case RunStarted():
                self._begin(_RUN, None, f"run {event.workflow}", event.at)
                self._open[_RUN].set_attributes(
                    {"cicd.pipeline.name": event.workflow, "cicd.pipeline.run.id": event.run_id}
                )
            case VmAllocated() | VmReleased():
                self._add_vm(event)
            case JobStarted():
                self._begin((event.job, 0), _RUN, f"job {event.job}", event.at)
            case StepStarted():
                self._begin((event.job, event.step), (event.job, 0), event.name, event.at)
            case StepFinished():
                self._end((event.job, event.step), event.conclusion, event.reason, event.at)
            case JobFinished():
                self._end((event.job, 0), event.conclusion, event.reason, event.at)
            case RunFinished():
                for key in [
                    key for key in self._open if key != _RUN
                ]:  # stopped at once: nobody tells of their ends
                    self._end(key, Conclusion.CANCELLED, None, event.at)
                self._end(_RUN, event.conclusion, event.error, event.at)
            case _:
                pass

    def _begin(self, key: _Key, parent: _Key | None, name: str, at: datetime) -> None:
        above = self._contexts.get(parent) if parent else None
        span = self._tracer.start_span(name, above, start_time=_ns(at))
        self._open[key] = span
        self._contexts[key] = trace.set_span_in_context(span)

    def _end(self, key: _Key, conclusion: Conclusion, reason: str | None, at: datetime) -> None:
        span = self._open.pop(key, None)
        if span is None:  # a step that was skipped never began
            return
        span.set_attribute("conclusion", conclusion.value)
        if conclusion is Conclusion.FAILURE:
            span.set_status(Status(StatusCode.ERROR, reason))
        span.end(_ns(at))

    def _add_vm(self, event: VmAllocated | VmReleased) -> None:
        run = self._contexts.get(_RUN)
        if run is None:
            return
        name = "allocate VM" if isinstance(event, VmAllocated) else "release VM"
        begun = event.at - timedelta(seconds=event.duration_s)
        span = self._tracer.start_span(name, run, start_time=_ns(begun))
        span.set_attribute("vm.id", event.vm_id)
        if isinstance(event, VmAllocated):
            span.set_attributes({"vm.type": event.vm_type, "vm.source": event.source})
        span.end(_ns(event.at))


def _fault(report: ExecutionReport) -> str | None:
    """Say what is wrong with how it ended, if anything."""
    if not report.is_started:
        return "not started"
    if report.status is None:
        return "stopped, or lost with its VM"
    if report.status.signal is not None:
        return f"killed by signal {report.status.signal}"
    return None if report.status.is_success else f"exit code {report.status.code}"


def _ns(at: datetime) -> int:
    return int(at.timestamp() * 1_000_000) * 1000
