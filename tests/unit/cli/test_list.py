"""The list of workflows, with and without an event."""

from __future__ import annotations

import json
from dataclasses import replace

from terraphim_runner.cli.list import Listed, as_json, as_text
from terraphim_runner.domain.diagnostic import Diagnostic, Position, Severity, Span
from terraphim_runner.workflow.event_context import EventContext
from terraphim_runner.workflow.reader import read_workflow
from terraphim_runner.workflow.trigger import decide

TEXT = """on: {push: {branches: [main]}, pull_request: }
jobs:
  b: {needs: a, runs-on: x, steps: [{run: x}]}
  a: {runs-on: x, steps: [{run: x}]}
"""


def listed(event: str | None, ref: str = "") -> Listed:
    workflow = read_workflow(TEXT, "ci.yml").workflow
    assert workflow is not None
    decision = None if event is None else decide(workflow, EventContext(name=event, ref=ref))
    return Listed("ci.yml", workflow, (), decision)


PLACE = Span("bad.yml", Position(3, 1), Position(3, 2))
BAD = Listed("bad.yml", None, (Diagnostic(PLACE, Severity.ERROR, "x", "It is wrong"),), None)


def test_json_says_what_an_event_would_run_and_why() -> None:
    (row,) = json.loads(as_json([listed("push", ref="refs/heads/dev")]))

    assert row == {
        "workflow": "ci.yml",
        "runs": False,
        "reason": "branch 'dev' matches none of on.push.branches (line 1): 'main'",
        "jobs": ["a", "b"],
    }


def test_without_an_event_nothing_is_decided() -> None:
    (row,) = json.loads(as_json([listed(None)]))

    assert (row["runs"], row["reason"]) == (None, None)
    assert list(as_text([listed(None)], explain=True)) == ["ci.yml  on push, pull_request; 2 jobs: a, b"]


def test_a_file_with_errors_runs_nothing_and_says_so() -> None:
    (row,) = json.loads(as_json([BAD]))

    assert row["runs"] is False
    assert row["reason"] == "the file has 1 error, in line 3: It is wrong"
    assert list(as_text([BAD], explain=False)) == [
        "error  bad.yml",
        "    the file has 1 error, in line 3: It is wrong",
    ]


def test_text_explains_on_request() -> None:
    lines = list(as_text([listed("push", ref="refs/heads/main"), listed("release")], explain=True))

    assert lines == [
        "runs   ci.yml  on push, pull_request; 2 jobs: a, b",
        "    because branch 'main' matches 'main' in on.push.branches (line 1)",
        "skips  ci.yml  on push, pull_request; 2 jobs: a, b",
        "    because on does not name release, only push (line 1) and pull_request (line 1)",
    ]


def test_what_a_file_says_does_not_reach_the_terminal_as_commands() -> None:
    """Nor does its name: repositories of others are listed too."""
    listed = replace(BAD, file="bad\x1b]0;title\x07.yml")

    assert not any("\x1b" in line for line in as_text([listed], explain=True))
