"""Texts with expressions in them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from terraphim_runner.domain.errors import ExpressionError
from terraphim_runner.expressions.scope import Scope
from terraphim_runner.expressions.template import (
    ExpressionText,
    LiteralText,
    interpolate,
    parse_template,
    template,
)
from terraphim_runner.expressions.value import Array, Value, to_python

SCOPE = Scope({"github": {"ref": "main", "list": [1, 2]}, "env": {"A": "{0}'"}})


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("plain", "plain"),
        ("", ""),
        ("${{ 1 }}", 1.0),
        ("${{ true }}", True),
        ("${{ null }}", None),
        (" ${{ 1 }}", " 1"),
        ("${{ github.ref }}/${{ github.ref }}", "main/main"),
        ("a ${{ null }} b", "a  b"),
        ("${{ '}}' }}", "}}"),
        ("${{ 'it''s }}' }}!", "it's }}!"),
        ("{0} ${{ github.ref }} {{ }}", "{0} main {{ }}"),
        ("it's ${{ env.A }}", "it's {0}'"),
        ("$${{ 1 }}}", "$1}"),
        ("${ { 1 }}", "${ { 1 }}"),
        ("${{github.ref}}", "main"),
    ],
)
def test_a_text_has_the_value_github_gives_it(text: str, value: Value) -> None:
    assert value == interpolate(text, SCOPE)


def test_one_expression_alone_keeps_its_kind() -> None:
    value = interpolate("${{ github.list }}", SCOPE)

    assert isinstance(value, Array)
    assert to_python(value) == [1, 2]


@pytest.mark.parametrize("text", ["${{ github.ref", "${{ 'x }}", "a ${{ 1 }} b ${{ 2 }", "${{ 'a}}' }"])
def test_an_expression_that_is_not_closed_is_blamed(text: str) -> None:
    with pytest.raises(ExpressionError, match="The expression is not closed") as raised:
        template(text)

    assert raised.value.start == text.rindex("${{")


@pytest.mark.parametrize("text", ["${{}}", "a ${{   }}"])
def test_an_empty_expression_is_blamed(text: str) -> None:
    with pytest.raises(ExpressionError, match="An expression was expected"):
        template(text)


def test_segments_know_where_they_are() -> None:
    assert template("a ${{  b }}c") == [
        LiteralText("a ", 0, 2),
        ExpressionText("b", 2, 11, 7),
        LiteralText("c", 11, 12),
    ]


def test_a_fault_is_placed_in_the_whole_text_and_worded_for_the_expression() -> None:
    with pytest.raises(ExpressionError, match="position 3 within expression: 1 = 2") as raised:
        parse_template("x ${{ 1 }} ${{ 1 = 2 }}")

    assert raised.value.start == 17


def test_what_github_makes_of_a_text_is_one_call_of_format() -> None:
    parsed = parse_template("it's {${{ a }}} ${{ b }}")

    assert parsed.expression == "format('it''s {{{0}}} {1}', a, b)"
    assert len(parsed.expressions) == 2


def test_names_and_functions_are_checked_within() -> None:
    with pytest.raises(ExpressionError, match="Unrecognized named-value: 'secrets'"):
        parse_template("${{ secrets.TOKEN }}", names=["github"])


def test_a_text_around_expressions_counts_against_the_length() -> None:
    with pytest.raises(ExpressionError, match="Exceeded max expression length 21000"):
        parse_template("echo " + "x" * 21_000 + "${{ 1 }}")
    assert parse_template("x" * 50_000).node is None


def stretches(text: str) -> list[tuple[int, int]]:
    try:
        return [(segment.start, segment.end) for segment in template(text)]
    except ExpressionError as error:
        return [(0, error.start), (error.start, error.end), (error.end, len(text))]


@given(st.lists(st.sampled_from(["${{", "}}", "'", "a", " ", "}", "{", "$", "1"]), max_size=15).map("".join))
def test_segments_or_what_is_before_in_and_after_a_fault_put_together_are_the_text(text: str) -> None:
    assert text == "".join(text[start:end] for start, end in stretches(text))
