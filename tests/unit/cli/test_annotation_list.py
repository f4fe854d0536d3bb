"""What steps reported of files and lines, at the end of a run."""

from __future__ import annotations

from datetime import UTC, datetime

from terraphim_runner.cli.annotation_list import AnnotationList
from terraphim_runner.domain.conclusion import Conclusion
from terraphim_runner.domain.event import (
    Annotation,
    AnnotationLevel,
    JobResult,
    RunFinished,
    SourcePlace,
    StepResult,
)
from terraphim_runner.domain.ident import RunId

_AT = datetime(2026, 1, 2, tzinfo=UTC)


def _annotation(message: str, place: SourcePlace | None = None) -> Annotation:
    return Annotation(_AT, "a", 1, AnnotationLevel.ERROR, message, None, place)


def _result(reason: str) -> RunFinished:
    step = StepResult(1, "Run x", Conclusion.FAILURE, Conclusion.FAILURE, 1, 0.0, reason)
    job = JobResult("a", "a", "a", Conclusion.FAILURE, 0.0, None, (step,))
    return RunFinished(
        at=_AT,
        run_id=RunId("r"),
        conclusion=Conclusion.FAILURE,
        vm=None,
        allocations=0,
        releases=0,
        duration_s=0.0,
        jobs=(job,),
    )


def test_a_line_tells_where() -> None:
    annotations = AnnotationList()
    annotations.add(_annotation("bad\nworse", SourcePlace("a.py", 3, column=7)))
    annotations.add(_annotation("no place"))

    lines = [line for _, line in annotations.lines(_result(""))]
    assert lines == ["a.py:3:7: bad worse", "a/1: no place"]


def test_the_reason_of_a_failed_step_is_not_told_twice() -> None:
    annotations = AnnotationList()
    annotations.add(_annotation("Process completed with exit code 1."))

    assert annotations.lines(_result("Process completed with exit code 1.")) == []


def test_fifty_are_kept_and_the_rest_is_counted() -> None:
    annotations = AnnotationList()
    for number in range(60):
        annotations.add(_annotation(str(number)))

    assert len(annotations.lines(_result(""))) == 50
    assert annotations.left_out == 10
