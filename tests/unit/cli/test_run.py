"""`run`: its options and exit statuses."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from terraphim_runner.cli.run import exit_code, parse_variables
from terraphim_runner.domain.conclusion import Conclusion
from terraphim_runner.domain.errors import UsageError
from terraphim_runner.domain.event import RunFinished
from terraphim_runner.domain.ident import RunId


def test_variables_are_given_or_taken_from_here() -> None:
    """A value may hold anything, an equals sign too."""
    variables = parse_variables(["A=1", "B=x=y", "C=", "HOME"], {"HOME": "/home/user", "OTHER": "no"})

    assert variables == {"A": "1", "B": "x=y", "C": "", "HOME": "/home/user"}


@pytest.mark.parametrize(("assignment", "message"), [("=1", "name is missing"), ("NONE", "not set here")])
def test_what_is_no_variable_is_said(assignment: str, message: str) -> None:
    """With the right form as the hint."""
    with pytest.raises(UsageError, match=message):
        parse_variables([assignment], {})


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
