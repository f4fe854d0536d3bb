"""A run as the executor would report it, and writers that keep what is written."""

from __future__ import annotations

import io
from datetime import UTC, datetime, timedelta

import pytest

from terraphim_runner.cli.writer import Writer
from terraphim_runner.domain import event as events
from terraphim_runner.domain.conclusion import Conclusion
from terraphim_runner.domain.ident import RunId, SessionId
from terraphim_runner.domain.usage import Blocked, NetworkUsage, VmUsage

RUN = RunId("20260102-030405-a7c3")
SESSION = SessionId("s-1")


class _Story:
    """Builds events whose times tell a run of 12 seconds."""

    def __init__(self) -> None:
        self._at = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)

    def at(self, step_s: float = 0.25) -> datetime:
        self._at += timedelta(seconds=step_s)
        return self._at

    def plan(self) -> list[events.RunEvent]:
        names = ("Check out", "Run tests", "Upload")
        steps = tuple(events.PlannedStep(number, name) for number, name in enumerate(names, start=1))
        jobs = (
            events.PlannedJob("test (3.12)", "test", "test (3.12)", (), steps),
            events.PlannedJob("package", "package", "Package \x1b]0;evil\x07it", ("test",), ()),
        )
        at = self.at()
        return [
            events.RunStarted(at, RUN, "CI", ".github/workflows/ci.yml", "push", jobs, title="Fix it"),
            events.ConcurrencyQueued(self.at(), RUN, "deploy", "run 7"),
            events.SessionQueued(self.at(), RUN, 2),
            events.VmAllocated(
                self.at(),
                RUN,
                SESSION,
                "vm-1.g3",
                "default",
                "qemu",
                "restored",
                is_reused_slot=True,
                duration_s=0.058,
            ),
            events.Notice(self.at(), "warning", "the submodule vendor is left empty"),
        ]

    def first_job(self) -> list[events.RunEvent]:
        job = "test (3.12)"
        success, failure, skipped = Conclusion.SUCCESS, Conclusion.FAILURE, Conclusion.SKIPPED
        noise = ("##[group]Collect", "\x1b[32mcollected\x1b[0m 3 items\x1b[2J", "1%\r100%", "##[endgroup]")
        failed = ("##[error]1 failed\nsee above", "\x1b]0;title\x07F\u00fc\udcff")
        return [
            events.ConcurrencyQueued(self.at(), RUN, "deploy \x1b[2J", "run 7, job a", job),
            events.JobStarted(self.at(), job),
            events.StepStarted(self.at(), job, 1, "Check out"),
            events.StepFinished(self.at(0.4), job, 1, "Check out", success, success, None, 0.4),
            events.StepStarted(self.at(), job, 2, "Run tests"),
            events.StepOutput(self.at(), job, 2, noise),
            events.StepOutput(self.at(), job, 2, failed),
            events.Annotation(
                self.at(),
                job,
                2,
                events.AnnotationLevel.ERROR,
                "expected 2",
                "Test failed",
                events.SourcePlace("tests/test_sum.py", 12),
            ),
            events.StepSummary(self.at(), job, 2, "# Tests\n1 \x1b]0;evil\x07failed"),
            events.StepFinished(self.at(5), job, 2, "Run tests", failure, failure, 1, 65.3),
            events.StepFinished(self.at(), job, 3, "Upload", skipped, skipped, None, 0.0, "success() is false"),
            events.JobFinished(self.at(), job, Conclusion.FAILURE, 66.2),
        ]

    def end(self) -> list[events.RunEvent]:
        planned = events.PlannedJob("late", "late", "late", (), (events.PlannedStep(1, "Only"),))
        skipped = "a job that it needs did not succeed"
        return [
            events.JobPlanned(self.at(), planned),
            events.JobFinished(self.at(), "package", Conclusion.SKIPPED, 0.0, skipped),
            events.VmReleased(self.at(), RUN, SESSION, "vm-1.g3", 0.02),
            self.result(),
        ]

    def result(self) -> events.RunFinished:
        steps = (
            events.StepResult(1, "Check out", Conclusion.SUCCESS, Conclusion.SUCCESS, None, 0.4, None),
            events.StepResult(2, "Run tests", Conclusion.FAILURE, Conclusion.FAILURE, 1, 65.3, None),
            events.StepResult(
                3, "Upload", Conclusion.SKIPPED, Conclusion.SKIPPED, None, 0.0, "success() is false"
            ),
            events.StepResult(4, "Report", Conclusion.FAILURE, Conclusion.SUCCESS, 3, 0.1, None),
        )
        jobs = (
            events.JobResult("test (3.12)", "test", "test (3.12)", Conclusion.FAILURE, 66.2, None, steps),
            events.JobResult(
                "package", "package", "Package", Conclusion.SKIPPED, 0.0, "a job that it needs did not succeed", ()
            ),
        )
        vm = events.VmEvidence(
            "vm-1.g3", "default", "qemu", "restored", is_reused_slot=True, allocation_s=0.058, commands=4
        )
        network = NetworkUsage(80_123, 999, (Blocked("evil.example", 443, 3), Blocked("odd", None, 1)), "/log")
        usage = VmUsage(61.234, 1.5, 812 << 20, 12_345_678, network)
        return events.RunFinished(
            self.at(), RUN, Conclusion.FAILURE, vm, 1, 1, 67.0, jobs, "the VM was slow", "try again", usage=usage
        )


@pytest.fixture
def story() -> list[events.RunEvent]:
    """Every kind of event at least once, with hostile and odd content."""
    story = _Story()
    return [*story.plan(), *story.first_job(), *story.end()]


class KeptOutput(io.BytesIO):
    """A stream whose content can be read after its writer is closed."""

    def text(self) -> str:
        return self.getvalue().decode()


@pytest.fixture
def output() -> KeptOutput:
    """Where a writer writes."""
    return KeptOutput()


@pytest.fixture
def writer(output: KeptOutput) -> Writer:
    """A writer without a drawing."""
    return Writer(output)
