"""`contains`, `startsWith` and `endsWith`."""

from __future__ import annotations

import pytest

from terraphim_runner.expressions.evaluator import evaluate
from terraphim_runner.expressions.parser import parse
from terraphim_runner.expressions.scope import Scope

SCOPE = Scope({"list": ["One", 1, None, ["deep"]], "map": {"One": 1}})


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("contains(list, 'one')", True),
        ("contains(list, 'on')", False),
        ("contains(list, '1')", True),
        ("contains(list, '')", True),
        ("contains(list, 'deep')", False),
        ("contains(list, list[3])", True),
        ("contains(map, 'One')", False),
        ("contains('One', map)", False),
        ("contains('Object', 'x') || contains('x', list)", False),
        ("contains(123, 2)", True),
        ("startsWith('STRASSE', 'stra')", True),
        ("startsWith('a', 'ab')", False),
        ("startsWith(map, '')", False),
        ("startsWith('', map)", False),
        ("endsWith('Release-V1', '-v1')", True),
        ("endsWith(list, '')", False),
        ("endsWith(true, 'UE')", True),
    ],
)
def test_searching_minds_kinds_but_not_case(text: str, found: bool) -> None:
    assert evaluate(parse(text), SCOPE) is found


def test_what_is_searched_for_is_not_evaluated_where_nothing_can_be_found() -> None:
    for text in (
        "contains(map, fromJSON('!'))",
        "startsWith(list, fromJSON('!'))",
        "endsWith(map, fromJSON('!'))",
    ):
        assert evaluate(parse(text), SCOPE) is False
