"""What several endings come to."""

from __future__ import annotations

import pytest

from terraphim_runner.domain.conclusion import Conclusion
from terraphim_runner.domain.event import JobResult
from terraphim_runner.executor.record import NeedsRecord
from terraphim_runner.executor.verdict import Tally, merge, verdict, worst

_S, _F, _C, _K = Conclusion.SUCCESS, Conclusion.FAILURE, Conclusion.CANCELLED, Conclusion.SKIPPED


@pytest.mark.parametrize(
    ("parts", "expected"),
    [
        ([], _K),
        ([_K, _K], _K),
        ([_K, _S], _S),
        ([_S, _C], _C),
        ([_C, _F, _S], _F),
    ],
)
def test_the_worst_part_counts_and_skipped_ones_only_where_there_are_no_others(
    parts: list[Conclusion], expected: Conclusion
) -> None:
    assert worst(parts) is expected
    assert merge([NeedsRecord(each) for each in parts]).result is expected


def _result(key: str, conclusion: Conclusion, *, is_tolerated: bool = False) -> JobResult:
    return JobResult(key, key, key, conclusion, 0.0, None, (), is_tolerated)


def test_a_tolerated_failure_does_not_fail_the_run() -> None:
    """Being cancelled is no failure, and not tolerated."""
    assert verdict([_result("a", _F, is_tolerated=True)]) is _S
    assert verdict([_result("a", _F, is_tolerated=True), _result("b", _F)]) is _F
    assert verdict([_result("a", _C, is_tolerated=True)]) is _C


def test_results_come_back_in_the_plans_order() -> None:
    """The jobs of a call are where it is."""
    tally = Tally()
    for position, key in (((2, 0), "c"), ((1, 1, 0, 0), "b (2) / x"), ((0, 0), "a"), ((1, 0, 1, 0), "b (1) / y")):
        tally.add(position, _result(key, _S))

    assert [result.key for result in tally.in_order()] == ["a", "b (1) / y", "b (2) / x", "c"]
