"""The text of an `if`."""

from __future__ import annotations

import pytest

from terraphim_runner.domain.errors import ExpressionError
from terraphim_runner.expressions.condition import condition
from terraphim_runner.expressions.scope import Scope


def scope(*, is_success: bool = True) -> Scope:
    functions = {
        "success": lambda: is_success,
        "failure": lambda: not is_success,
        "always": lambda: True,
        "cancelled": lambda: False,
    }
    return Scope({"github": {"ref": "main"}, "env": {"NO": "false"}}, functions)


@pytest.mark.parametrize(
    ("text", "effective"),
    [
        ("", "success()"),
        ("   ", "success()"),
        ("github.ref", "success() && (github.ref)"),
        (" github.ref ", "success() && (github.ref)"),
        ("${{ github.ref }}", "success() && (github.ref)"),
        ("always()", "always()"),
        ("${{ always() }}", "always()"),
        ("x || !Cancelled()", "x || !Cancelled()"),
        ("contains(fromJSON('[1]'), failure())", "contains(fromJSON('[1]'), failure())"),
        ("'always()' == x", "success() && ('always()' == x)"),
        ("always == 1", "success() && (always == 1)"),
        ("a == ${{ b }}", "success() && (format('a == {0}', b))"),
    ],
)
def test_success_is_added_where_no_status_function_occurs(text: str, effective: str) -> None:
    assert effective == condition(text).text


@pytest.mark.parametrize(
    ("text", "if_success", "if_failure"),
    [
        ("", True, False),
        ("github.ref == 'main'", True, False),
        ("github.ref == 'other'", False, False),
        ("failure()", False, True),
        ("always() && github.ref == 'main'", True, True),
        ("env.NO", True, False),
    ],
)
def test_a_condition_holds_as_on_github(text: str, if_success: bool, if_failure: bool) -> None:
    parsed = condition(text)

    assert if_success is parsed.evaluate(scope())
    assert if_failure is parsed.evaluate(scope(is_success=False))


@pytest.mark.parametrize(
    "text", ["${{ false }} && true", "github.ref == ${{ 'x' }}", " ${{ false }}", "${{ format('x{0}', 1) }}"]
)
def test_text_around_the_expression_makes_it_always_true_and_says_so(text: str) -> None:
    parsed = condition(text)

    assert parsed.is_constant_text
    assert parsed.evaluate(scope())


@pytest.mark.parametrize("text", ["", "true", "${{ false }}", "format('{0}', false)", "format('{', 1)"])
def test_other_conditions_are_not_blamed_for_that(text: str) -> None:
    assert not condition(text).is_constant_text


def test_offsets_count_from_the_beginning_of_the_authors_text() -> None:
    text = "${{  github.ref }}"
    parsed = condition(text)

    assert text[parsed.expression.start : parsed.expression.end] == "github.ref"


@pytest.mark.parametrize("text", ["1 =", "${{ 1", "nope.x"])
def test_what_is_no_condition_is_blamed(text: str) -> None:
    with pytest.raises(ExpressionError):
        condition(text, names=["github"])
