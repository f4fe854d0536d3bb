"""Expressions from the command line, one or many."""

from __future__ import annotations

import json
from typing import Any

import pytest

from terraphim_runner.cli.expr import answers, evaluate_text


@pytest.mark.parametrize(
    ("text", "kind", "value"),
    [
        ("1 == 1.0", "Boolean", True),
        ("github.a[1]", "Number", 2),
        ("'it''s'", "String", "it's"),
        ("github.none", "Null", None),
        ("github.a", "Array", [1, 2, 3.5]),
        ('fromJSON(\'{"b": {"c": []}}\')', "Object", {"b": {"c": []}}),
        ("fromJSON('[\"x\"]')[9] == null", "Boolean", True),
        ("NaN", "Number", "NaN"),
        ("-Infinity", "Number", "-Infinity"),
        ("", "Null", None),
    ],
)
def test_the_kind_and_value_of_an_expression(text: str, kind: str, value: object) -> None:
    """Numbers that JSON has no form for are given by name."""
    result = evaluate_text(text, {"github": {"a": [1, 2, 3.5]}})

    assert result == {"kind": kind, "value": value}
    json.dumps(result, allow_nan=False)


@pytest.mark.parametrize(
    ("text", "kind", "column"),
    [
        ("1 + 1", "lexing", 3),
        ("a.b", "parsing", 1),
        ("1 == ", "parsing", 3),  # GitHub blames the last token
        ("true && foo()", "parsing", 9),
        ("true && fromJSON('{')", "evaluation", 9),
    ],
)
def test_an_error_has_kind_message_and_column(text: str, kind: str, column: int) -> None:
    error = evaluate_text(text, {})["error"]

    assert set(error) == {"kind", "message", "column"}
    assert (kind, column) == (error["kind"], error["column"])


@pytest.mark.parametrize(
    ("status", "values"),
    [
        (None, [True, False, False, True]),
        ("failure", [False, True, False, True]),
        ("cancelled", [False, False, True, True]),
    ],
)
def test_the_status_functions_look_at_the_job(status: str | None, values: list[bool]) -> None:
    contexts: dict[str, Any] = {} if status is None else {"job": {"status": status}}

    assert values == [
        evaluate_text(f"{name}()", contexts)["value"] for name in ("success", "failure", "cancelled", "always")
    ]


def test_a_batch_is_answered_line_by_line() -> None:
    lines = ['{"expr": "1 < 2"}\n', "\n", '{"expr": "x.y", "contexts": {"x": {"y": 7}}}\n', '{"expr": "x.y"}\n']
    given = [json.loads(answer) for answer in answers(lines)]

    assert given[:2] == [{"kind": "Boolean", "value": True}, {"kind": "Number", "value": 7}]
    assert given[2]["error"]["kind"] == "parsing"


@pytest.mark.parametrize(
    "line",
    ["{", "[]", "3", "null", '{"expr": 3}', '{"contexts": {}}', '{"expr": "1", "contexts": 3}', "[" * 99_999],
)
def test_a_line_that_is_no_request_gets_an_error_and_the_next_is_answered(line: str) -> None:
    first, second = map(json.loads, answers([line, '{"expr": "1"}']))

    assert first["error"]["kind"] == "input"
    assert second == {"kind": "Number", "value": 1}


def test_contexts_nested_too_deep_are_an_error() -> None:
    deep: Any = 1
    for _ in range(5_000):
        deep = [deep]

    assert "error" in evaluate_text("a", {"a": deep})
