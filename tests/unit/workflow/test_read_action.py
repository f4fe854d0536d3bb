"""Action files: what runs them, and what is wrong with them."""

from __future__ import annotations

import pytest

from terraphim_runner.domain.diagnostic import Severity
from terraphim_runner.workflow.action import CompositeRuns, DockerRuns, NodeRuns
from terraphim_runner.workflow.read_action import ActionResult, read_action
from terraphim_runner.workflow.step import RunStep, UsesStep


def read(runs: str, *, rest: str = "", lenient: bool = False) -> ActionResult:
    text = f"name: n\ndescription: d\nruns: {runs}\n{rest}"
    return read_action(text, "action.yml", lenient=lenient)


def codes(result: ActionResult) -> list[str]:
    return [each.code for each in result.diagnostics if each.severity is Severity.ERROR]


@pytest.mark.parametrize("using", ["node12", "node16", "node20", "node24"])
def test_javascript_is_read(using: str) -> None:
    action = read(f"{{using: {using}, main: m.js, pre: p.js, post: q.js, post-if: success()}}").action

    assert action is not None
    assert isinstance(action.runs, NodeRuns)
    assert str(action.runs.main) == "m.js"
    assert action.runs.pre_if is None
    assert action.runs.post_if is not None


def test_a_container_is_read() -> None:
    action = read("{using: docker, image: Dockerfile, args: ['${{ inputs.a }}', b], env: {A: 1}}").action

    assert action is not None
    assert isinstance(action.runs, DockerRuns)
    assert [str(argument) for argument in action.runs.args] == ["${{ inputs.a }}", "b"]


def test_a_composite_is_read() -> None:
    action = read("{using: composite, steps: [{run: r, shell: '${{ inputs.s }}'}, {uses: a/b@v1}]}").action

    assert action is not None
    assert isinstance(action.runs, CompositeRuns)
    assert [type(step) for step in action.runs.steps] == [RunStep, UsesStep]
    assert [step.id for step in action.runs.steps] == ["__run", "__a_b"]


def test_inputs_and_outputs_are_read() -> None:
    inputs = "inputs: {A: {required: true, default: '${{ github.ref }}', description: x}, b: {}}"
    rest = f"{inputs}\noutputs: {{o: {{value: v}}}}"
    action = read("{using: node20, main: m}", rest=rest).action

    assert action is not None
    assert [(str(each.name), each.required) for each in action.inputs] == [("A", True), ("b", False)]
    assert action.input("a") is action.inputs[0]
    assert [str(each.value) for each in action.outputs] == ["v"]


@pytest.mark.parametrize(
    ("runs", "code"),
    [
        ("{using: node20}", "missing-key"),
        ("{using: docker}", "missing-key"),
        ("{using: composite}", "missing-key"),
        ("{using: node99, main: m}", "unexpected-value"),
        ("{using: node20, main: m, steps: []}", "unknown-key"),
        ("{using: composite, steps: [{run: r}]}", "missing-key"),
        ("{using: composite, steps: [{run: r, shell: s, background: true}]}", "unknown-key"),
        ("{using: composite, steps: [{uses: nonsense}]}", "bad-uses"),
        ("{using: composite, steps: [{run: '${{ secrets.A }}', shell: s}]}", "context-not-available"),
        ("{using: node20, main: m, post-if: '${{ success() }}'}", "expression-syntax-not-supported"),
        ("{plugin: checkout}", "plugin-action"),
    ],
)
def test_an_action_that_cannot_run_is_refused_by_both(runs: str, code: str) -> None:
    for lenient in (False, True):
        result = read(runs, lenient=lenient)

        assert code in codes(result)
        assert result.action is None


RUNS = "runs: {using: node20, main: m}"


@pytest.mark.parametrize("text", [RUNS, f"name: n\ndescription: d\n{RUNS}\nextra: 1"])
def test_what_only_githubs_editor_minds_keeps_no_action_from_running(text: str) -> None:
    strict, lenient = read_action(text, "a.yml"), read_action(text, "a.yml", lenient=True)

    assert strict.action is None
    assert lenient.action is not None
    assert [each.severity for each in lenient.diagnostics] == [Severity.WARNING] * len(strict.diagnostics)


@pytest.mark.parametrize("text", ["", "[]", "x", "name: n", "runs: ", "runs: []"])
def test_what_is_no_action_is_refused_and_nothing_breaks(text: str) -> None:
    result = read_action(text, "action.yml", lenient=True)

    assert result.action is None
    assert codes(result)
