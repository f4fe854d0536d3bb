"""Authors' trees to values, with every fault in its place."""

from __future__ import annotations

from typing import Any

import pytest

from terraphim_runner.domain.errors import WorkflowError
from terraphim_runner.expressions.scope import Scope
from terraphim_runner.expressions.value import to_python
from terraphim_runner.workflow.evaluation import evaluate_map, evaluate_string, evaluate_value
from terraphim_runner.workflow.job import Matrix, NormalJob, Strategy
from terraphim_runner.workflow.reader import read_workflow
from terraphim_runner.workflow.reference import contexts_of
from terraphim_runner.workflow.value import Template, TemplateMap, ValueList

SCOPE = Scope({"github": {"n": 1, "t": True, "map": {"A": "x", "b": 2}, "list": [1]}, "vars": {"bad": "{"}})


def job(body: str) -> NormalJob:
    lines = "".join(f"    {line}\n" for line in body.strip().splitlines())
    read = read_workflow(f"on: push\njobs:\n  a:\n    runs-on: x\n    steps: [{{run: x}}]\n{lines}", "ci.yml")
    assert read.workflow is not None, read.diagnostics
    found = read.workflow.jobs[0]
    assert isinstance(found, NormalJob)
    return found


def row(text: str) -> Any:
    strategy = job(f"strategy: {{matrix: {{v: [{text}]}}}}").strategy
    assert isinstance(strategy, Strategy)
    assert isinstance(strategy.matrix, Matrix)
    vector = strategy.matrix.vectors[0][1]
    assert isinstance(vector, ValueList)
    return vector.items[0]


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("'${{ github.n }}'", 1),
        ("'a${{ github.n }}${{ github.t }}'", "a1true"),
        ("{a: '${{ github.t }}', '${{ github.n }}': [b]}", {"a": True, "1": ["b"]}),
        ("{x: y, '${{ insert }}': '${{ github.map }}'}", {"x": "y", "A": "x", "b": 2}),
        ("[1, true, null, s]", [1, True, None, "s"]),
        ("[a, '${{ github.list }}', ['${{ github.list }}']]", ["a", 1, [1]]),
    ],
)
def test_a_tree_is_computed_keys_and_insertions_included(text: str, value: object) -> None:
    assert to_python(evaluate_value(row(text), SCOPE)) == value


def env(text: str) -> TemplateMap:
    found = job(f"env: {text}").env
    assert isinstance(found, TemplateMap)
    return found


def test_a_map_of_strings_keeps_names_and_writes_values_out() -> None:
    assert evaluate_map(env("{Ab: '${{ github.n }}', c: 1.50, d: '${{ github.t }}'}"), SCOPE) == {
        "Ab": "1",
        "c": "1.5",
        "d": "true",
    }


@pytest.mark.parametrize("text", ["{a: '${{ github.list }}'}", "{a: '${{ github.map }}'}"])
def test_a_map_of_strings_holds_no_lists_and_objects(text: str) -> None:
    with pytest.raises(WorkflowError) as refused:
        evaluate_map(env(text), SCOPE)

    assert [each.code for each in refused.value.diagnostics] == ["expected-string"]


def test_an_expression_that_fails_is_blamed_itself() -> None:
    template = row("'ab ${{ fromJSON(vars.bad) }}'")
    assert isinstance(template, Template)
    with pytest.raises(WorkflowError) as refused:
        evaluate_string(template, SCOPE)
    (fault,) = refused.value.diagnostics

    assert fault.code == "expression-evaluation"
    assert (fault.span.start.line, fault.span.start.column) == (6, 37)


def test_the_contexts_a_part_looks_at_are_found_wherever_they_stand() -> None:
    strategy = job(
        "strategy: {matrix: {v: ['${{ github.n }}', {x: '${{ VARS.y }}'}], include: '${{ vars.z }}'}}"
    ).strategy

    assert contexts_of(strategy) == {"github", "vars"}
    assert contexts_of(row("{'${{ insert }}': '${{ github.map }}'}")) == {"github"}  # `insert` is no context
    assert contexts_of(None) == frozenset()
