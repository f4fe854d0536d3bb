"""`fromJSON`."""

from __future__ import annotations

import pytest

from terraphim_runner.domain.errors import ExpressionError
from terraphim_runner.expressions.evaluator import evaluate
from terraphim_runner.expressions.parser import parse
from terraphim_runner.expressions.scope import Scope


@pytest.mark.parametrize(
    "text", ["", " ", "{", "[1,]", "NaN", "-Infinity", "{'a': 1}", "01", "1 2", "// x\n1", "\ufeff1"]
)
def test_what_is_not_strictly_json_is_refused(text: str) -> None:
    with pytest.raises(ExpressionError, match="Error parsing fromJson"):
        evaluate(parse("fromJSON(x)"), Scope({"x": text}))


@pytest.mark.parametrize("depth", [101, 100_000])
def test_json_that_is_nested_too_deeply_is_refused(depth: int) -> None:
    with pytest.raises(ExpressionError, match="nested too deeply"):
        evaluate(parse("fromJSON(x)"), Scope({"x": "[" * depth + "]" * depth}))


def test_json_may_be_nested_a_hundred_deep() -> None:
    evaluate(parse("toJSON(fromJSON(x))"), Scope({"x": "[" * 100 + "]" * 100}))


def test_a_number_of_many_digits_is_a_number() -> None:
    assert evaluate(parse("fromJSON(x) == Infinity"), Scope({"x": "9" * 5_000})) is True
