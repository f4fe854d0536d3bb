"""Calls between workflows of one repository, without a run."""

from __future__ import annotations

import pytest

from terraphim_runner.workflow.call import WorkflowLoader, check_calls, qualify
from terraphim_runner.workflow.reader import read_workflow

FILE = ".github/workflows/ci.yml"
REMOTE = "octo/repo/.github/workflows/a.yml@main"
GOOD = "on: {workflow_call: {inputs: {x: {type: string}}}}\njobs: {a: {runs-on: x, steps: [{run: x}]}}"


def faults(call: str, **files: str) -> list[tuple[str, int]]:
    text = f"on: push\njobs:\n  c:\n    uses: {call}\n"
    workflow = read_workflow(text, FILE).workflow
    assert workflow is not None
    found = {f".github/workflows/{name}.yml": content for name, content in files.items()}
    return [(each.code, each.span.start.line) for each in check_calls(workflow, WorkflowLoader(found.get))]


@pytest.mark.parametrize(
    ("uses", "caller", "reference"),
    [
        ("./.github/workflows/b.yml", FILE, ".github/workflows/b.yml"),
        ("$/.github/workflows/b.yml", FILE, ".github/workflows/b.yml"),
        ("./.github/workflows/b.yml", REMOTE, "octo/repo/.github/workflows/b.yml@main"),
        ("./.github/workflows/b.yml", "/home/me@work/x/.github/workflows/a.yml", ".github/workflows/b.yml"),
        (REMOTE, FILE, REMOTE),
        (REMOTE, "other/repo/.github/workflows/x.yml@v1", REMOTE),
    ],
)
def test_a_local_call_means_the_repository_of_the_file_it_stands_in(
    uses: str, caller: str, reference: str
) -> None:
    assert reference == qualify(uses, caller)


def test_a_call_that_keeps_the_rules_has_no_fault() -> None:
    assert faults("./.github/workflows/b.yml\n    with: {x: y}", b=GOOD) == []


def test_a_call_that_breaks_them_is_blamed_where_it_does() -> None:
    assert faults("./.github/workflows/b.yml\n    with: {y: y}", b=GOOD) == [("unknown-input", 5)]
    assert faults("./.github/workflows/c.yml", b=GOOD) == [("workflow-not-found", 4)]


def test_a_call_of_another_repository_is_passed_over() -> None:
    assert faults(REMOTE) == []


def test_the_calls_of_called_workflows_are_looked_at_too() -> None:
    middle = "on: workflow_call\njobs:\n  d:\n    uses: ./.github/workflows/missing.yml\n"

    assert faults("./.github/workflows/b.yml", b=middle) == [("workflow-not-found", 4)]


def test_a_file_is_read_once_however_often_it_is_called() -> None:
    asked: list[str] = []

    def resolve(reference: str) -> str:
        asked.append(reference)
        return GOOD

    text = "on: push\njobs:\n  a: {uses: ./.github/workflows/b.yml}\n  b: {uses: ./.github/workflows/b.yml}\n"
    workflow = read_workflow(text, FILE).workflow
    assert workflow is not None

    assert list(check_calls(workflow, WorkflowLoader(resolve))) == []
    assert asked == [".github/workflows/b.yml"]
