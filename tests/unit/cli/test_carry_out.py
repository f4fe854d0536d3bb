"""A run carried out: its exit statuses."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from terraphim_runner.cli.carry_out import exit_code
from terraphim_runner.domain.conclusion import Conclusion
from terraphim_runner.domain.event import RunFinished
from terraphim_runner.domain.ident import RunId


@pytest.mark.parametrize(
    ("conclusion", "error", "expected"),
    [
        (Conclusion.SUCCESS, None, 0),
        (Conclusion.FAILURE, None, 1),
        (Conclusion.SKIPPED, None, 1),
        (Conclusion.CANCELLED, None, 130),
        (Conclusion.FAILURE, "the VM is gone", 69),
        (Conclusion.SUCCESS, "the VM is gone", 69),
    ],
)
def test_p6_only_success_without_any_error_is_zero(
    conclusion: Conclusion, error: str | None, expected: int
) -> None:
    """A run in which nothing ran, or that the machinery spoilt, is never green."""
    result = RunFinished(
        datetime(2026, 1, 1, tzinfo=UTC), RunId("r"), conclusion, None, 1, 1, 1.0, (), error=error
    )

    assert exit_code(result) == expected
