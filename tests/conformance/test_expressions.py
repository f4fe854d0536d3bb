"""The expression engine against other people's known answers, where they are at hand."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import pytest

from terraphim_runner.domain.errors import ExpressionError
from terraphim_runner.expressions import (
    CONTEXTS,
    Scope,
    condition,
    evaluate,
    interpolate,
    kind_of,
    parse,
    to_python,
    to_string,
)
from terraphim_runner.expressions.template import parse_template

CORPUS = Path(__file__).parents[3] / "shared" / "conformance"
FUNCTIONS = ("success", "failure", "always", "cancelled", "hashFiles")
GOOD = {"success": lambda: True, "failure": lambda: False, "always": lambda: True, "cancelled": lambda: False}

pytestmark = [
    pytest.mark.conformance,
    pytest.mark.skipif(not CORPUS.is_dir(), reason="../shared/conformance is not on this machine"),
]


def load(name: str) -> Any:
    path = CORPUS / name
    return json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {"cases": []}


def known_answers() -> list[Any]:
    files = sorted((CORPUS / "languageservices-expressions").glob("*.json"))
    groups = (group for path in files for group in json.loads(path.read_text(encoding="utf-8")).values())
    return [pytest.param(case, id=case["id"]) for group in groups for case in group]


def cases(name: str) -> list[Any]:
    return [pytest.param(case, id=case["id"]) for case in load(name)["cases"]]


# hashFiles needs files, and has its own tables
EVALUATED = [case for case in cases("act-tables/expressions.json") if "hashFiles" not in case.values[0]["expr"]]
REWRITTEN = [case for case in cases("act-tables/rewrite-to-format.json") if not case.values[0]["force_format"]]


def is_same(expected: Any, actual: Any) -> bool:
    """Compare as JSON does, with the order of names, and NaN equal to itself."""
    if isinstance(expected, bool) or isinstance(actual, bool):
        return expected is actual
    if isinstance(expected, dict) and isinstance(actual, dict):
        return list(expected) == list(actual) and all(is_same(expected[name], actual[name]) for name in expected)
    if isinstance(expected, list) and isinstance(actual, list):
        return len(expected) == len(actual) and all(map(is_same, expected, actual))
    if isinstance(expected, float) and isinstance(actual, float) and math.isnan(expected):
        return math.isnan(actual)
    return bool(expected == actual)


@pytest.mark.parametrize("case", known_answers())
def test_githubs_known_answers(case: dict[str, Any]) -> None:
    contexts = case.get("contexts") or {}
    if "err" in case:
        with pytest.raises(ExpressionError) as raised:
            evaluate(parse(case["expr"], names=contexts, functions=()), Scope(contexts))

        assert case["err"]["kind"] == raised.value.kind.value
        assert case["err"]["value"] in str(raised.value)
        return
    value = evaluate(parse(case["expr"], names=contexts, functions=()), Scope(contexts))

    assert case["result"]["kind"] == kind_of(value).value
    assert is_same(case["result"]["value"], to_python(value))


@pytest.mark.parametrize("case", EVALUATED)
def test_acts_table_of_expressions_where_github_agrees(case: dict[str, Any]) -> None:
    answer = case.get("github_ts", {}) if case["verdict"].startswith("act-deviates") else case.get("expected")
    scope = Scope(case["contexts"], GOOD)
    names = {*CONTEXTS, *case["contexts"]}
    if answer is None or "error" in answer:
        with pytest.raises(ExpressionError):
            evaluate(parse(case["expr"], names=names, functions=FUNCTIONS), scope)
        return
    value = evaluate(parse(case["expr"], names=names, functions=FUNCTIONS), scope)

    assert answer["kind"] == kind_of(value).value
    assert is_same(answer["value"], to_python(value)) or answer["value"] == to_string(value)  # "Infinity", "NaN"


@pytest.mark.parametrize("case", cases("act-tables/interpolation.json"))
def test_acts_table_of_interpolations(case: dict[str, Any]) -> None:
    value = interpolate(case["input"], Scope(load("act-tables/interpolation.json")["contexts"]))

    assert case["expected"] == to_string(value)


@pytest.mark.parametrize("case", cases("act-tables/if-conditions.json"))
def test_acts_table_of_conditions(case: dict[str, Any]) -> None:
    scope = Scope(load("act-tables/if-conditions.json")["contexts"], GOOD)
    if not isinstance(case.get("expected"), bool):
        with pytest.raises(ExpressionError):
            condition(case["if"], functions=FUNCTIONS).evaluate(scope)
        return

    assert case["expected"] is condition(case["if"], functions=FUNCTIONS).evaluate(scope)


@pytest.mark.parametrize("case", REWRITTEN)
def test_a_text_with_expressions_is_one_call_of_format(case: dict[str, Any]) -> None:
    expected = case["expected"].removeprefix("${{").removesuffix("}}").strip()

    assert expected == (parse_template(case["input"]).expression or case["input"])


@pytest.mark.parametrize("case", cases("actionlint/expressions-parse.json"))
def test_expressions_collected_from_workflows_parse_as_githubs_parser_says(case: dict[str, Any]) -> None:
    expected = case["github_ts"]
    if expected == "parses" or expected["message"].startswith("Unrecognized function"):
        parse(case["expr"])
        return
    with pytest.raises(ExpressionError) as raised:
        parse(case["expr"])

    assert expected["kind"] == raised.value.kind.value
