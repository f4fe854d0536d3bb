"""Commit messages that ask GitHub to run nothing."""

from __future__ import annotations

import pytest

from terraphim_runner.workflow.skip_instruction import skip_instruction


@pytest.mark.parametrize("words", ["[skip ci]", "[ci skip]", "[no ci]", "[skip actions]", "[actions skip]"])
def test_the_words_count_anywhere_in_the_message(words: str) -> None:
    assert words == skip_instruction(f"Fix things\n\nLong story {words}.")


@pytest.mark.parametrize("trailer", ["skip-checks: true", "skip-checks:true"])
@pytest.mark.parametrize("before", ["Fix\n\n\n", "Fix\n\n", "Fix\r\n\r\n", "Fix\n\n\nReviewed-by: M\n"])
def test_the_trailer_counts_at_the_end(before: str, trailer: str) -> None:
    assert skip_instruction(before + trailer) == "skip-checks: true"


@pytest.mark.parametrize(
    "message",
    [
        "",
        "skip ci",
        "[skip  ci]",
        "Fix\nskip-checks: true",
        "Fix\n\n\nskip-checks: true\nReviewed-by: M",
        "Fix\n\nskip-checks: false",
    ],
)
def test_anything_else_does_not(message: str) -> None:
    assert skip_instruction(message) is None
