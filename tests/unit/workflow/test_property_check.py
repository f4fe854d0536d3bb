"""Properties that nothing declares: which are told, with which help, and which are left alone."""

from __future__ import annotations

import pytest

from terraphim_runner.domain.diagnostic import Severity
from terraphim_runner.workflow.read_action import read_action
from terraphim_runner.workflow.reader import read_workflow

WORKFLOW = """\
on:
  push:
  workflow_dispatch:
    inputs: {{dry-run: {{type: boolean}}}}
  workflow_call:
    inputs: {{level: {{type: string}}}}
    outputs: {{made: {{value: "${{{{ jobs.{called} }}}}"}}}}
jobs:
  build:
    runs-on: ubuntu-latest
    outputs: {{version: "1"}}
    steps: [{{run: make}}]
  other:
    uses: ./.github/workflows/other.yml
  test:
    if: ${{{{ {condition} }}}}
    needs: [build, other]
    runs-on: ubuntu-latest
    outputs: {{all: "${{{{ {outputs} }}}}"}}
    services: {{redis: redis}}
    strategy:
      matrix: {{python: ["3.12"], os: [{{name: debian}}], include: [{{extra: true}}]}}
    steps:
      - {{id: first, run: make}}
      - run: echo ${{{{ {step} }}}}
      - {{id: last, run: make}}
"""


def told(**expressions: str) -> list[tuple[str, str | None]]:
    parts = {"called": "build.outputs.version", "condition": "true", "outputs": "1", "step": "1"}
    result = read_workflow(WORKFLOW.format(**parts | expressions), "ci.yml")
    assert result.workflow is not None, result.diagnostics
    assert all(each.severity is Severity.WARNING for each in result.diagnostics)
    return [(each.message.removesuffix(", so this is always null"), each.hint) for each in result.diagnostics]


@pytest.mark.parametrize(
    "step",
    [
        "steps.first.outputs.anything",
        "steps.FIRST.outcome",
        "needs.build.outputs.version",
        "needs.build.result",
        "needs.other.outputs.whatever",
        "needs.*.result",
        "inputs.dry-run && inputs.LEVEL",
        "inputs[github.event_name]",
        "matrix.python == matrix.extra",
        "matrix.os.family",
        "job.services.redis.ports",
        "secrets.ANYTHING && vars.ANYTHING && env.ANYTHING",
        "github.event.inputs.anything",
        "toJSON(steps)",
    ],
)
def test_what_the_file_declares_or_leaves_open_is_left_alone(step: str) -> None:
    assert told(step=step) == []


@pytest.mark.parametrize(
    ("step", "message", "hint"),
    [
        ("steps.frist.outcome", "steps has no property 'frist'", "did you mean `first`?"),
        ("steps.last.outcome", "steps has no property 'last'", "steps has: first"),
        ("steps.first.output.x", "steps.first has no property 'output'", "did you mean `outputs`?"),
        ("needs.biuld.result", "needs has no property 'biuld'", "did you mean `build`?"),
        ("needs.build.outputs.v", "needs.build.outputs has no property 'v'", "needs.build.outputs has: version"),
        ("needs.test.result", "needs has no property 'test'", "needs has: build, other"),
        ("inputs.dryrun", "inputs has no property 'dryrun'", "did you mean `dry-run`?"),
        ("matrix.pyhton", "matrix has no property 'pyhton'", "did you mean `python`?"),
        ("job.services.reddis.id", "job.services has no property 'reddis'", "did you mean `redis`?"),
    ],
)
def test_what_nothing_declares_is_told_with_what_there_is(step: str, message: str, hint: str) -> None:
    assert told(step=step) == [(message, hint)]


def test_a_jobs_outputs_know_all_its_steps() -> None:
    assert told(outputs="steps.last.outcome") == []


def test_a_jobs_condition_is_looked_at_too() -> None:
    assert told(condition="needs.biuld.result") == [("needs has no property 'biuld'", "did you mean `build`?")]


def test_the_outputs_of_a_called_workflow_know_its_jobs() -> None:
    assert told(called="biuld.result") == [("jobs has no property 'biuld'", "did you mean `build`?")]


def test_a_fault_is_told_once_and_at_its_place() -> None:
    text = WORKFLOW.format(called="build.result", condition="true", outputs="1", step="steps.first.nothing")

    [diagnostic] = read_workflow(text, "ci.yml").diagnostics

    start, end = diagnostic.span.start, diagnostic.span.end
    line = text.splitlines()[start.line - 1]
    assert line[start.column - 1 : end.column - 1] == "nothing"


@pytest.mark.parametrize(
    "matrix", ["${{ fromJSON('{}') }}", "{include: '${{ fromJSON(''[]'') }}'}", "{'${{ github.ref }}': [1]}"]
)
def test_a_matrix_that_is_computed_may_have_any_key(matrix: str) -> None:
    steps = "steps: [{run: 'echo ${{ matrix.anything }}'}]"
    text = f"on: push\njobs:\n  a: {{runs-on: x, strategy: {{matrix: {matrix}}}, {steps}}}\n"
    if not matrix.startswith("{"):
        text = text.replace(matrix, f'"{matrix}"')

    assert not read_workflow(text, "ci.yml").diagnostics


def test_a_job_without_a_matrix_has_no_key() -> None:
    text = "on: push\njobs:\n  a: {runs-on: '${{ matrix.os }}', steps: [{run: make}]}\n"

    [diagnostic] = read_workflow(text, "ci.yml").diagnostics

    assert diagnostic.hint == "there is nothing in matrix here"


def test_the_steps_of_a_parallel_block_are_known_after_it() -> None:
    steps = "[{parallel: [{id: lint, run: make}]}, {run: 'echo ${{ steps.lint.outcome }}'}]"
    text = f"on: push\njobs:\n  a: {{runs-on: x, steps: {steps}}}\n"

    assert not read_workflow(text, "ci.yml").diagnostics


def test_an_action_knows_its_own_inputs_and_steps() -> None:
    text = """\
name: Build
description: Builds
inputs: {level: {description: How much}}
outputs: {made: {description: What, value: "${{ steps.biuld.outputs.path }}"}}
runs:
  using: composite
  steps:
    - {id: build, run: "echo ${{ inputs.levle }}", shell: bash}
"""

    found = [(each.span.start.line, each.hint) for each in read_action(text, "action.yml").diagnostics]

    assert found == [(4, "did you mean `build`?"), (8, "did you mean `level`?")]
