"""Secrets in lines."""

from __future__ import annotations

from terraphim_runner.executor.mask import Masker


def test_p8_every_registered_value_is_hidden_the_longest_first() -> None:
    masker = Masker()
    masker.add("abc")
    masker.add("abcdef")

    assert masker.mask("x abcdef abc y") == "x *** *** y"


def test_p8_each_line_of_a_multi_line_secret_is_hidden() -> None:
    masker = Masker()
    masker.add("first\n\nsecond")

    assert masker.mask("a first b") == "a *** b"
    assert masker.mask("second") == "***"


def test_a_blank_secret_hides_nothing() -> None:
    masker = Masker()
    masker.add(" \n ")

    assert masker.mask("a b") == "a b"
