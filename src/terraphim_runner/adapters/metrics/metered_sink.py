"""Counts what happens in one run, on its way to whoever shows it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from terraphim_runner.domain.conclusion import Conclusion
from terraphim_runner.domain.event import (
    JobFinished,
    RunFinished,
    RunStarted,
    StepFinished,
    VmAllocated,
    VmReleased,
)

if TYPE_CHECKING:
    from datetime import datetime

    from terraphim_runner.adapters.metrics.metrics import Metrics
    from terraphim_runner.domain.event import RunEvent
    from terraphim_runner.ports.event_sink import EventSink


class MeteredSink:
    """An `EventSink` in front of another one, for one run."""

    def __init__(self, sink: EventSink, metrics: Metrics, vm_type: str) -> None:
        """Pass on to `sink`; the run asks for a VM of this type."""
        self._sink = sink
        self._metrics = metrics
        self._vm_type = vm_type
        self._started_at: datetime | None = None
        self._holds_vm = False

    def emit(self, event: RunEvent) -> None:
        """Count, and pass on."""
        self._count(event)
        self._sink.emit(event)

    def _count(self, event: RunEvent) -> None:
        metrics = self._metrics
        match event:
            case RunStarted():
                self._started_at = event.at
            case VmAllocated():
                self._count_allocation(event)
            case StepFinished():
                metrics.steps.labels(event.conclusion.value).inc()
            case JobFinished():
                metrics.jobs.labels(event.conclusion.value).inc()
            case VmReleased():
                self._leave()
            case RunFinished():
                self._count_end(event)
            case _:
                pass

    def _count_allocation(self, event: VmAllocated) -> None:
        metrics = self._metrics
        metrics.allocations.labels(self._vm_type, "success").inc()
        metrics.allocation_duration.labels(self._vm_type, event.source).observe(event.duration_s)
        metrics.active_sessions.inc()
        self._holds_vm = True
        if self._started_at is not None:
            waited_s = (event.at - self._started_at).total_seconds() - event.duration_s
            metrics.queue_wait.labels(self._vm_type).observe(max(waited_s, 0.0))

    def _count_end(self, event: RunFinished) -> None:
        if event.vm is None:
            is_cancelled = event.conclusion is Conclusion.CANCELLED
            self._metrics.allocations.labels(self._vm_type, "cancelled" if is_cancelled else "failure").inc()
        self._metrics.execution_duration.labels(event.conclusion.value).observe(event.duration_s)
        self._leave()  # a VM that could not be released is the ledger's business, not a session

    def _leave(self) -> None:
        if self._holds_vm:
            self._metrics.active_sessions.dec()
            self._holds_vm = False
