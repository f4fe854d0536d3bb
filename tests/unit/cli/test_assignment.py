"""Options of the form NAME=VALUE."""

from __future__ import annotations

import pytest

from terraphim_runner.cli.assignment import as_settings, parse_assignments
from terraphim_runner.domain.errors import UsageError


def test_values_are_given_or_taken_from_here() -> None:
    """A value may hold anything, an equals sign too."""
    given = parse_assignments("--env", ["A=1", "B=x=y", "C=", "HOME"], {"HOME": "/home/user", "OTHER": "no"})

    assert given == {"A": "1", "B": "x=y", "C": "", "HOME": "/home/user"}


def test_somebody_is_asked_for_what_is_not_here() -> None:
    """And for nothing else."""
    asked = []

    def ask(name: str) -> str:
        asked.append(name)
        return "hunter2"

    assert parse_assignments("--secret", ["A=1", "B", "C"], {"B": "2"}, ask) == {
        "A": "1",
        "B": "2",
        "C": "hunter2",
    }
    assert asked == ["C"]


@pytest.mark.parametrize(("assignment", "message"), [("=1", "name is missing"), ("NONE", "not set here")])
def test_what_is_no_assignment_is_said(assignment: str, message: str) -> None:
    """With the right form as the hint."""
    with pytest.raises(UsageError, match=message) as raised:
        parse_assignments("--secret", [assignment], {})

    assert str(raised.value.hint).startswith("--secret N")


def test_names_of_secrets_differ_by_more_than_case() -> None:
    """The later one counts: a flag after a file."""
    assert as_settings("secret", {"token": "1", "Other": "2", "TOKEN": "3"}) == {"TOKEN": "3", "OTHER": "2"}


@pytest.mark.parametrize("name", ["1ST", "WITH-DASH", "WITH SPACE", "ÄÖ", "github_sha", "GITHUB_X"])
def test_a_name_that_github_would_not_take_is_refused(name: str) -> None:
    with pytest.raises(UsageError, match="cannot be the name of a secret"):
        as_settings("secret", {name: "value"})


def test_the_token_may_be_given() -> None:
    """GitHub gives it by itself; here nobody else can."""
    assert as_settings("secret", {"github_token": "x"}) == {"GITHUB_TOKEN": "x"}
