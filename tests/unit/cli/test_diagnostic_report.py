"""Diagnostics in the four forms."""

from __future__ import annotations

import json

from terraphim_runner.cli.diagnostic_report import as_github, as_json, as_sarif, as_text, summary
from terraphim_runner.domain.diagnostic import Diagnostic, Position, Severity, Span

FAULT = Diagnostic(
    Span("a.yml", Position(3, 5), Position(3, 9)),
    Severity.ERROR,
    "unknown-key",
    "Unexpected 'stps'",
    "steps?",
)
ADVICE = Diagnostic(Span("b,1.yml", Position(1, 2), Position(4, 1)), Severity.WARNING, "odd", "100% odd:\nreally")


def test_json_has_exactly_the_promised_keys() -> None:
    assert json.loads(as_json([FAULT])) == [
        {
            "file": "a.yml",
            "line": 3,
            "column": 5,
            "end_line": 3,
            "end_column": 9,
            "severity": "error",
            "code": "unknown-key",
            "message": "Unexpected 'stps'",
            "hint": "steps?",
        }
    ]
    assert json.loads(as_json([ADVICE]))[0]["hint"] is None
    assert json.loads(as_json([])) == []


def test_sarif_names_tool_rule_place_and_message() -> None:
    log = json.loads(as_sarif([FAULT, ADVICE]))
    run = log["runs"][0]
    place = run["results"][0]["locations"][0]["physicalLocation"]

    assert log["version"] == "2.1.0"
    assert [rule["id"] for rule in run["tool"]["driver"]["rules"]] == ["odd", "unknown-key"]
    assert [result["level"] for result in run["results"]] == ["error", "warning"]
    assert run["results"][0]["message"]["text"] == "Unexpected 'stps' (steps?)"
    assert place["artifactLocation"]["uri"] == "a.yml"
    assert place["region"] == {"startLine": 3, "startColumn": 5, "endLine": 3, "endColumn": 9}


def test_githubs_annotations_are_escaped() -> None:
    assert list(as_github([FAULT, ADVICE])) == [
        "::error file=a.yml,line=3,endLine=3,col=5,endColumn=9,title=unknown-key::Unexpected 'stps'%0Asteps?",
        "::warning file=b%2C1.yml,line=1,endLine=4,col=2,title=odd::100%25 odd:%0Areally",
    ]


def test_text_has_every_excerpt_and_a_summary() -> None:
    *excerpts, last = as_text([FAULT, ADVICE], {"a.yml": "on:\n\n    stps:\n"}, files=3, has_colours=False)

    assert "3 |     stps:" in excerpts[0]
    assert len(excerpts) == 2
    assert last == "1 error and 1 warning in 2 of 3 files"


def test_no_faults_is_said_too() -> None:
    assert summary([], 1) == "1 file: no faults"
    assert summary([FAULT, FAULT], 1) == "2 errors in 1 of 1 file"
