"""Did you mean."""

from __future__ import annotations

import pytest

from terraphim_runner.expressions.suggestion import closest

NAMES = ("ref", "ref_name", "sha", "repository", "event_name", "matrix")


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("reff", "ref"),
        ("refname", "ref_name"),
        ("sah", "sha"),
        ("Repositroy", "repository"),
        ("event_nmae", "event_name"),
        ("matrxi", "matrix"),
    ],
)
def test_a_slip_of_the_finger_is_recognized(typed: str, meant: str) -> None:
    assert meant == closest(typed, NAMES)


def test_the_beginning_of_one_name_alone_stands_for_it() -> None:
    assert closest("repo", NAMES) == "repository"
    assert closest("bool", ["boolean", "boolish"]) is None
    assert closest("re", ["reference"]) is None


@pytest.mark.parametrize("typed", ["x", "foo", "completely_else"])
def test_nothing_is_suggested_for_another_word(typed: str) -> None:
    assert closest(typed, NAMES) is None
    assert closest(typed, ()) is None
