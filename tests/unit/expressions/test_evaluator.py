"""Values of syntax trees; the golden table has the breadth."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from terraphim_runner.domain.errors import ExpressionError, ExpressionErrorKind
from terraphim_runner.expressions.evaluator import evaluate
from terraphim_runner.expressions.parser import parse
from terraphim_runner.expressions.scope import Scope

if TYPE_CHECKING:
    from terraphim_runner.expressions.value import Value


def value_of(text: str, scope: Scope | None = None) -> Value:
    return evaluate(parse(text), scope or Scope())


def test_and_or_stop_at_the_first_operand_that_decides() -> None:
    called: list[float] = []
    scope = Scope(functions={"note": called.append})

    value_of("false && note(1) || true || note(2)", scope)

    assert called == []


def test_an_index_into_nothing_is_never_evaluated() -> None:
    assert value_of("nothing[fromJSON('no JSON')]") is None


def test_a_function_that_the_scope_lacks_is_blamed_with_its_place() -> None:
    with pytest.raises(ExpressionError, match="'hashFiles' is not available here") as raised:
        value_of("true && hashFiles('x')")

    assert (raised.value.start, raised.value.end) == (8, 22)
    assert raised.value.kind is ExpressionErrorKind.EVALUATION


def test_a_function_from_outside_gets_values_in_order() -> None:
    scope = Scope(functions={"hashFiles": lambda *patterns: ",".join(patterns)})

    assert value_of("HASHFILES('a', 'b')", scope) == "a,b"


def test_githubs_own_functions_cannot_be_replaced() -> None:
    scope = Scope(functions={"contains": lambda *_: "mine"})

    assert value_of("contains('ab', 'a')", scope) is True


def test_memory_is_limited_while_a_string_grows() -> None:
    many = "{0}" * 50
    scope = Scope({"big": "x" * 20_000})

    with pytest.raises(ExpressionError, match="The maximum allowed memory size was exceeded"):
        value_of(f"format('{many}', big)", scope)


def test_a_larger_limit_lets_it_grow() -> None:
    many = "{0}" * 50
    scope = Scope({"big": "x" * 20_000}, max_memory=10_000_000)

    assert len(str(value_of(f"format('{many}', big)", scope))) == 1_000_000


def test_memory_of_what_is_done_with_is_free_again() -> None:
    scope = Scope({"big": "x" * 100_000})
    compared = " || ".join(["big == 'y'"] * 20)

    assert value_of(compared, scope) is False


def test_memory_of_nested_json_is_limited() -> None:
    with pytest.raises(ExpressionError, match="memory"):
        value_of("toJSON(" * 40 + "'\"'" + ")" * 40)
