"""`case`."""

from __future__ import annotations

import pytest

from terraphim_runner.domain.errors import ExpressionError
from terraphim_runner.expressions.evaluator import evaluate
from terraphim_runner.expressions.parser import parse
from terraphim_runner.expressions.scope import Scope


def test_the_value_behind_the_first_true_condition_is_taken_and_nothing_else_looked_at() -> None:
    text = "case(false, fromJSON('!'), true, 'second', fromJSON('!'), 'third', fromJSON('!'))"

    assert evaluate(parse(text), Scope()) == "second"


@pytest.mark.parametrize("condition", ["1", "'true'", "null", "fromJSON('[]')"])
def test_a_condition_that_is_no_boolean_is_refused(condition: str) -> None:
    with pytest.raises(ExpressionError, match="must evaluate to a boolean"):
        evaluate(parse(f"case({condition}, 'a', 'b')"), Scope())
