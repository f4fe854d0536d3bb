"""The table of `trigger.yml`: which event starts what, and in which words the answer is given.

The cases follow GitHub's documentation («Events that trigger workflows», «Workflow syntax», «Skipping workflow
runs»). `trigger` is what stands under `on`, from line 2. A case says what happened; `runs`, `because`, `certain`
and `notes` are what `decide` must answer.
"""

from __future__ import annotations

from pathlib import Path
from textwrap import indent
from typing import Any

import pytest
import yaml

from terraphim_runner.workflow.event_context import EventContext, Repository, event_context
from terraphim_runner.workflow.reader import read_workflow
from terraphim_runner.workflow.trigger import Decision, decide

TABLE = Path(__file__).with_name("trigger.yml")
JOBS = "jobs:\n  job:\n    runs-on: ubuntu-latest\n    steps:\n      - run: 'true'\n"
GROUPS: list[dict[str, Any]] = yaml.safe_load(TABLE.read_text(encoding="utf-8"))
CASES = [(group["trigger"], case) for group in GROUPS for case in group["cases"]]


def answer(on: str, case: dict[str, Any]) -> Decision:
    result = read_workflow(f"on:\n{indent(on.rstrip(), '  ')}\n{JOBS}", "ci.yml")
    assert result.workflow is not None, result.diagnostics
    return decide(result.workflow, event_of(case))


def event_of(case: dict[str, Any]) -> EventContext:
    name = "push" if "push" in case else case["event"]
    payload = dict(case.get("payload", {})) | ({"action": case["action"]} if "action" in case else {})
    if name == "push":
        payload |= push_payload(case)
    elif name.startswith("pull_request"):
        payload |= {"number": 7, "pull_request": pull_request(case)}
    elif "ref" in case:
        payload["ref"] = case["ref"].removeprefix("refs/heads/") if name == "create" else case["ref"]
    repository = Repository(default_branch="main", sha="c0ffee", head_message=case.get("message"))
    return event_context(name, payload, repository, changed_files=files_of(case))


def push_payload(case: dict[str, Any]) -> dict[str, Any]:
    zero = "0" * 40
    return {
        "ref": case["push"],
        "before": zero if case.get("created") else "a" * 40,
        "after": zero if case.get("deleted") else "b" * 40,
        "created": case.get("created", False),
        "deleted": case.get("deleted", False),
        "commits": [{}] * case.get("commits", 1),
        "head_commit": {"message": case.get("message", "Improve things")},
    }


def pull_request(case: dict[str, Any]) -> dict[str, Any]:
    own, other = {"full_name": "octo/repo"}, {"full_name": "mona/repo"}
    heads = {None: own, True: other, "gone": None}
    facts: dict[str, Any] = {"head": {"ref": case.get("head", "topic"), "repo": heads[case.get("fork")]}}
    facts["base"] = {"repo": own} | ({"ref": case["base"]} if "base" in case else {})
    return facts | {"draft": case.get("draft", False), "mergeable": False if case.get("conflict") else None}


def files_of(case: dict[str, Any]) -> tuple[str, ...] | None:
    if "many" in case:
        return (*(f"{case.get('many_in', 'a/')}{number}" for number in range(case["many"])), case["last"])
    return tuple(case["files"]) if "files" in case else None


@pytest.mark.parametrize(("on", "case"), CASES, ids=[str(number) for number in range(len(CASES))])
def test_the_answer_and_its_words(on: str, case: dict[str, Any]) -> None:
    """Whether the workflow runs, the reason, whether that is certain, and what else there is to know."""
    decision = answer(on, case)

    assert case["because"] == decision.reason
    assert case["runs"] == decision.runs
    assert case.get("certain", True) == decision.is_certain
    assert tuple(case.get("notes", ())) == decision.notes


def test_the_table_is_large_enough() -> None:
    """At least 150 cases, and no case twice."""
    assert len(CASES) >= 150
    assert len({repr(case) for case in CASES}) == len(CASES)
