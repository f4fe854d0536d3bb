"""`join`."""

from __future__ import annotations

import pytest

from terraphim_runner.domain.errors import ExpressionError
from terraphim_runner.expressions.evaluator import evaluate
from terraphim_runner.expressions.parser import parse
from terraphim_runner.expressions.scope import Scope


@pytest.mark.parametrize(
    ("text", "joined"),
    [
        ("join(items)", "a,1,,true,Array,Object"),
        ("join(items, '')", "a1trueArrayObject"),
        ("join(items, null)", "a1trueArrayObject"),
        ("join(items, items)", "a,1,,true,Array,Object"),
        ("join(1.50, 'x')", "1.5"),
        ("join(null)", ""),
        ("join(fromJSON('[]'), 'x')", ""),
        ("join(fromJSON('[\"only\"]'), fromJSON('never read'))", "only"),
        ("join(fromJSON('{\"a\":1}'))", ""),
    ],
)
def test_items_are_written_one_after_another(text: str, joined: str) -> None:
    scope = Scope({"items": ["a", 1, None, True, [1], {}]})

    assert joined == evaluate(parse(text), scope)


def test_a_long_separator_counts_against_memory() -> None:
    scope = Scope({"items": [""] * 100, "line": "-" * 10_000})

    with pytest.raises(ExpressionError, match="memory"):
        evaluate(parse("join(items, line)"), scope)
