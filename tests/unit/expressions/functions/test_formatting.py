"""Format strings."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from terraphim_runner.expressions.evaluator import evaluate
from terraphim_runner.expressions.functions.formatting import parse_format
from terraphim_runner.expressions.parser import parse
from terraphim_runner.expressions.scope import Scope


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("", []),
        ("a", ["a"]),
        ("{0}{12}", [0, 12]),
        ("a{{{0}}}b", ["a", "{", 0, "}", "b"]),
        ("{000}", [0]),
        ("{255}", [255]),
    ],
)
def test_a_format_string_is_texts_and_numbers_of_arguments(text: str, parts: list[str | int]) -> None:
    assert parts == list(parse_format(text))


@pytest.mark.parametrize(
    "text", ["{", "}", "{}", "{a}", "{ 0}", "{-1}", "{0", "{256}", "{" + "9" * 5000 + "}", "{٣}"]
)
def test_a_brace_that_says_nothing_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="invalid"):
        list(parse_format(text))


@given(st.text())
def test_a_text_with_its_braces_doubled_formats_to_itself(text: str) -> None:
    doubled = text.replace("{", "{{").replace("}", "}}")

    assert text == evaluate(parse("format(x)"), Scope({"x": doubled}))


def test_an_argument_is_evaluated_once_however_often_it_is_mentioned() -> None:
    numbers = iter([1.0, 2.0, 3.0])
    scope = Scope(functions={"next": lambda: next(numbers)})

    assert evaluate(parse("format('{0}{0}', next(), next())"), scope) == "11"
    assert next(numbers) == 2.0
