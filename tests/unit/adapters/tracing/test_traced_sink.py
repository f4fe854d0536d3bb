"""A run's events as spans."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from terraphim_runner.adapters.tracing.traced_sink import TracedSink
from terraphim_runner.domain.conclusion import Conclusion
from terraphim_runner.domain.event import (
    JobFinished,
    JobStarted,
    RunEvent,
    RunFinished,
    RunStarted,
    StepFinished,
    StepStarted,
    VmAllocated,
)
from terraphim_runner.domain.ident import RunId, SessionId, StepPlace
from terraphim_runner.ports.execution_sink import ExecutionReport
from terraphim_runner.ports.vm import ExitStatus

if TYPE_CHECKING:
    from collections.abc import Sequence

    from opentelemetry.sdk.trace import ReadableSpan

RUN = RunId("run-1")
SUCCESS = ExitStatus(code=0)
GOOD, BAD = Conclusion.SUCCESS, Conclusion.FAILURE


def at(seconds: float) -> datetime:
    return datetime(2026, 1, 1, tzinfo=UTC) + timedelta(seconds=seconds)


class Listener:
    """Whoever shows the events."""

    def __init__(self) -> None:
        self.events: list[RunEvent] = []

    def emit(self, event: RunEvent) -> None:
        self.events.append(event)


def spans_of(told: Sequence[RunEvent | ExecutionReport]) -> dict[str, ReadableSpan]:
    exporter = InMemorySpanExporter()
    provider = TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    listener = Listener()
    sink = TracedSink(listener, provider.get_tracer("test"))
    for each in told:
        if isinstance(each, ExecutionReport):
            sink.record(each)
        else:
            sink.emit(each)
    assert listener.events == [each for each in told if not isinstance(each, ExecutionReport)]
    return {span.name: span for span in exporter.get_finished_spans()}


def executed(
    program: str,
    origin: StepPlace | None,
    *,
    is_started: bool = True,
    status: ExitStatus | None = SUCCESS,
) -> ExecutionReport:
    return ExecutionReport(program, origin, "build-1", at(3.25), at(4.5), is_started, status)


def finished(conclusion: Conclusion, seconds: float) -> RunFinished:
    return RunFinished(at(seconds), RUN, conclusion, None, 1, 1, seconds, ())


BEGINNING: list[RunEvent] = [
    RunStarted(at(0), RUN, "ci", "ci.yml", "push", ()),
    VmAllocated(at(2), RUN, SessionId("s-1"), "vm-1.g2", "small", "memory", "warm", True, duration_s=0.5),
    JobStarted(at(2), "build"),
    StepStarted(at(3), "build", 1, "Run make"),
]


def parent_of(span: ReadableSpan) -> int | None:
    return None if span.parent is None else span.parent.span_id


def id_of(span: ReadableSpan) -> int:
    context = span.get_span_context()
    assert context is not None
    return context.span_id


def test_a_run_is_one_trace_of_its_jobs_and_their_steps() -> None:
    """With the times and the ends that the events tell."""
    spans = spans_of(
        [
            *BEGINNING,
            StepFinished(at(5), "build", 1, "Run make", BAD, BAD, 2, 2.0, "exit code 2"),
            StepFinished(at(5), "build", 2, "Run never", Conclusion.SKIPPED, Conclusion.SKIPPED, None, 0.0),
            JobFinished(at(6), "build", BAD, 4.0),
            finished(BAD, 7),
        ]
    )
    run, job, step, vm = (spans[name] for name in ("run ci", "job build", "Run make", "allocate VM"))

    assert set(spans) == {"run ci", "job build", "Run make", "allocate VM"}
    assert [parent_of(each) for each in (run, vm, job, step)] == [None, id_of(run), id_of(run), id_of(job)]
    assert (step.end_time or 0) - (step.start_time or 0) == 2_000_000_000
    assert (vm.end_time or 0) - (vm.start_time or 0) == 500_000_000
    assert dict(vm.attributes or {}) == {"vm.id": "vm-1.g2", "vm.type": "small", "vm.source": "warm"}
    assert (step.status.is_ok, step.status.description) == (False, "exit code 2")


def test_what_was_stopped_at_once_is_ended_with_its_run() -> None:
    """Nobody tells of the ends of its job and its step."""
    spans = spans_of([*BEGINNING, finished(Conclusion.CANCELLED, 4)])

    assert {name: (span.attributes or {}).get("conclusion") for name, span in spans.items()} == {
        "allocate VM": None,
        "Run make": "cancelled",
        "job build": "cancelled",
        "run ci": "cancelled",
    }
    assert spans["Run make"].end_time == spans["run ci"].end_time


def test_commands_are_below_the_step_that_had_them_executed() -> None:
    """Also those that are told of after its end; what is of no step that has begun is its job's or the run's."""
    spans = spans_of(
        [
            *BEGINNING,
            executed("/usr/bin/bash", StepPlace("build", 1)),
            StepFinished(at(5), "build", 1, "Run make", GOOD, GOOD, 0, 2.0),
            executed("python3", StepPlace("build", 1)),
            executed("env", StepPlace("build", 2)),
            executed("sh", StepPlace("other", 0)),
            executed("id", None),
            JobFinished(at(6), "build", GOOD, 4.0),
            executed("rm", StepPlace("build", 0)),
            finished(GOOD, 7),
        ]
    )
    bash = spans["exec bash"]
    parents = {name: parent_of(span) for name, span in spans.items() if name.startswith("exec ")}
    run, job, step = (id_of(spans[name]) for name in ("run ci", "job build", "Run make"))

    assert parents == {
        "exec bash": step,
        "exec python3": step,
        "exec env": job,
        "exec sh": run,
        "exec id": run,
        "exec rm": job,
    }
    assert (bash.end_time or 0) - (bash.start_time or 0) == 1_250_000_000
    assert dict(bash.attributes or {}) == {
        "process.executable.name": "bash",
        "vm.root": "build-1",
        "process.exit.code": 0,
    }


def test_a_command_that_went_wrong_says_how() -> None:
    """A missing status is never a good one."""
    place = StepPlace("build", 1)
    ends = [
        executed("a", place, status=ExitStatus(code=2)),
        executed("b", place, status=ExitStatus(signal=9)),
        executed("c", place, status=None),
        executed("d", place, is_started=False, status=None),
        executed("e", place),
    ]
    spans = spans_of([*BEGINNING, *ends, finished(BAD, 7)])

    assert [spans[f"exec {name}"].status.description for name in "abcde"] == [
        "exit code 2",
        "killed by signal 9",
        "stopped, or lost with its VM",
        "not started",
        None,
    ]
    assert [spans[f"exec {name}"].status.is_ok for name in "abcde"] == [False, False, False, False, True]
