"""Calls between workflows of one repository, without a run."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from terraphim_runner.workflow.call import MAX_NESTED, WorkflowLoader, check_calls, qualify
from terraphim_runner.workflow.reader import read_workflow

if TYPE_CHECKING:
    from collections.abc import Mapping

    from terraphim_runner.domain.diagnostic import Diagnostic

FILE = ".github/workflows/ci.yml"
REMOTE = "octo/repo/.github/workflows/a.yml@main"
GOOD = "on: {workflow_call: {inputs: {x: {type: string}}}}\njobs: {a: {runs-on: x, steps: [{run: x}]}}"


def check(call: str, files: Mapping[str, str], max_nested: int = MAX_NESTED) -> list[Diagnostic]:
    workflow = read_workflow(f"on: push\njobs:\n  c:\n    uses: {call}\n", FILE).workflow
    assert workflow is not None
    found = {f".github/workflows/{name}.yml": content for name, content in files.items()}
    return [*check_calls(workflow, WorkflowLoader(found.get, max_nested=max_nested))]


def faults(call: str, **files: str) -> list[tuple[str, int]]:
    return [(each.code, each.span.start.line) for each in check(call, files)]


def told(call: str, *, max_nested: int = MAX_NESTED, **files: str) -> list[tuple[str, int, str]]:
    return [(each.span.file, each.span.start.line, each.message) for each in check(call, files, max_nested)]


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


@pytest.mark.parametrize(
    ("type_", "value", "message"),
    [
        ("number", "abc", "Unexpected value 'abc'"),
        ("number", "'5'", "Unexpected value '5'"),
        ("boolean", "1", "Unexpected value '1'"),
        ("boolean", "true", None),
        ("number", "0x10", None),
        ("number", "'${{ github.actor }}'", None),
        ("string", "true", None),
    ],
)
def test_what_is_given_is_of_the_declared_type(type_: str, value: str, message: str | None) -> None:
    """Also a default, whatever is given: its file is blamed. What is computed is seen when the run is planned."""
    called = GOOD.replace("{type: string}", f"{{type: {type_}, default: DEFAULT}}")
    sound = called.replace(", default: DEFAULT", "")
    given = told(f"./.github/workflows/b.yml\n    with: {{x: {value}}}", b=sound)
    default = told("./.github/workflows/b.yml\n    with: {x: '${{ 1 }}'}", b=called.replace("DEFAULT", value))

    assert given == ([] if message is None else [(FILE, 5, message)])
    assert default == ([] if message is None else [(".github/workflows/b.yml", 1, message)])


def test_what_is_wrong_with_a_called_workflow_is_told_where_it_is() -> None:
    bad = told("./.github/workflows/b.yml", b=GOOD.replace("runs-on", "run-on"))
    other = told(
        "./.github/workflows/b.yml", b=GOOD.replace("{workflow_call: {inputs: {x: {type: string}}}}", "[push]")
    )

    assert {file for file, *_ in bad} == {".github/workflows/b.yml"}
    assert other == [
        (".github/workflows/b.yml", 1, "workflow_call key is not defined in the referenced workflow.")
    ]


def test_how_deep_workflows_may_call_each_other_can_be_said() -> None:
    middle = "on: workflow_call\njobs:\n  d:\n    uses: ./.github/workflows/c.yml\n"

    assert told("./.github/workflows/b.yml", max_nested=2, b=middle, c=GOOD) == []
    assert told("./.github/workflows/b.yml", max_nested=1, b=middle, c=GOOD) == [
        (".github/workflows/b.yml", 4, "Nested reusable workflow depth exceeded 1.")
    ]


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
