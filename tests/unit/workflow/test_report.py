"""Where the faults of a file are gathered."""

from __future__ import annotations

from terraphim_runner.domain.diagnostic import Position, Span
from terraphim_runner.workflow.report import Report


def place(line: int, column: int = 1) -> Span:
    return Span("ci.yml", Position(line, column), Position(line, column + 1))


def test_faults_come_out_in_the_order_of_the_file() -> None:
    report = Report()
    report.warning(place(2), "b", "B")
    report.error(place(1, 9), "c", "C")
    report.error(place(1, 3), "a", "A")

    assert [each.code for each in report.diagnostics] == ["a", "c", "b"]


def test_the_same_fault_twice_is_one() -> None:
    report = Report()
    for _ in range(2):
        report.error(place(1), "a", "A")
    report.error(place(2), "a", "A")

    assert len(report.diagnostics) == 2


def test_a_file_with_warnings_alone_can_run() -> None:
    report = Report()
    report.warning(place(1), "a", "A")
    assert not report.has_errors

    report.error(place(1), "b", "B")
    assert report.has_errors


def test_a_near_word_is_suggested_and_another_is_not() -> None:
    assert Report().did_you_mean("psuh", ["push", "release"]) == "did you mean `push`?"
    assert Report().did_you_mean("nothing", ["push", "release"]) is None


def test_suggestions_stop_where_they_would_take_too_long() -> None:
    report = Report()
    told = [report.did_you_mean("psuh", ["push"]) for _ in range(1000)]

    assert told[0] is not None
    assert told[-1] is None
    assert Report().did_you_mean("p" * 1000, ["p" * 999]) is None
