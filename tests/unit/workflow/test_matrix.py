"""A strategy, from the author's text to legs."""

from __future__ import annotations

from typing import Any

import pytest

from terraphim_runner.domain.errors import WorkflowError
from terraphim_runner.expressions.scope import Scope
from terraphim_runner.expressions.value import to_python
from terraphim_runner.workflow.matrix import (
    SINGLE_LEG,
    Leg,
    StrategyPlan,
    expand_matrix,
    matrix_faults,
    plan_strategy,
)
from terraphim_runner.workflow.reader import read_workflow


def planned(strategy: str, **contexts: Any) -> StrategyPlan:
    text = f"on: push\njobs:\n  a:\n    strategy: {strategy}\n    runs-on: x\n    steps: [{{run: x}}]\n"
    read = read_workflow(text, "ci.yml")
    assert read.workflow is not None, read.diagnostics
    return plan_strategy(read.workflow.jobs[0].strategy, Scope(contexts))


def matrices(strategy: str, **contexts: Any) -> list[Any]:
    return [to_python(leg.matrix) for leg in planned(strategy, **contexts).legs]


def test_no_strategy_is_one_leg() -> None:
    assert plan_strategy(None, Scope()) == StrategyPlan((SINGLE_LEG,), True, 1)
    assert expand_matrix(None, Scope()) == (SINGLE_LEG,)


def test_values_keep_their_types() -> None:
    assert matrices("{matrix: {v: [10, '10', true, null, [1], {a: b}]}}") == [
        {"v": 10},
        {"v": "10"},
        {"v": True},
        {"v": None},
        {"v": [1]},
        {"v": {"a": "b"}},
    ]


def test_legs_know_their_place() -> None:
    legs = planned("{matrix: {v: [a, b, c]}}").legs

    assert [(leg.index, leg.total, leg.suffix) for leg in legs] == [(0, 3, "a"), (1, 3, "b"), (2, 3, "c")]


def test_a_whole_matrix_may_come_from_an_expression() -> None:
    needs = {"setup": {"outputs": {"matrix": '{"v": [1, 2], "include": [{"v": 3}]}'}}}

    assert matrices("{matrix: '${{ fromJSON(needs.setup.outputs.matrix) }}'}", needs=needs) == [
        {"v": 1},
        {"v": 2},
        {"v": 3},
    ]


def test_a_vector_and_the_rows_may_come_from_expressions() -> None:
    strategy = "{matrix: {v: '${{ fromJSON(vars.v) }}', include: '${{ fromJSON(vars.more) }}'}}"

    assert matrices(strategy, vars={"v": "[1]", "more": '[{"x": 2}]'}) == [{"v": 1, "x": 2}]


def test_a_value_may_come_from_an_expression() -> None:
    assert matrices("{matrix: {v: ['${{ vars.x }}', 'a-${{ vars.x }}']}}", vars={"x": "1"}) == [
        {"v": "1"},
        {"v": "a-1"},
    ]


def test_a_whole_strategy_may_come_from_an_expression() -> None:
    data = '{"matrix": {"v": [1, 2]}, "fail-fast": false, "max-parallel": 1}'
    plan = planned("${{ fromJSON(vars.s) }}", vars={"s": data})

    assert (len(plan.legs), plan.fail_fast, plan.max_parallel) == (2, False, 1)


@pytest.mark.parametrize(
    ("strategy", "fail_fast", "max_parallel"),
    [
        ("{matrix: {v: [1, 2]}}", True, 2),
        ("{matrix: {v: [1, 2]}, fail-fast: false}", False, 2),
        ("{matrix: {v: [1, 2]}, fail-fast: '${{ vars.no }}', max-parallel: '${{ vars.one }}'}", False, 1),
        ("{fail-fast: false}", False, 1),
    ],
)
def test_fail_fast_and_max_parallel(strategy: str, fail_fast: bool, max_parallel: int) -> None:
    plan = planned(strategy, vars={"no": False, "one": 1})

    assert (fail_fast, max_parallel) == (plan.fail_fast, plan.max_parallel)


def test_the_strategy_context_of_a_leg() -> None:
    plan = planned("{matrix: {v: [1, 2]}, max-parallel: 1, fail-fast: false}")

    assert to_python(plan.context(plan.legs[1])) == {
        "fail-fast": False,
        "job-index": 1,
        "job-total": 2,
        "max-parallel": 1,
    }


def test_where_everything_is_excluded_github_runs_one_leg_without_values() -> None:
    assert planned("{matrix: {v: [1], exclude: [{v: 1}]}}").legs == (SINGLE_LEG,)


@pytest.mark.parametrize(
    ("strategy", "code"),
    [
        ("{matrix: '${{ fromJSON(vars.x) }}'}", "expected-mapping"),
        ("{matrix: {v: '${{ fromJSON(vars.x) }}'}}", "empty-vector"),
        ("{matrix: {v: '${{ vars.x }}'}}", "expected-sequence"),
        ("{matrix: {v: '${{ fromJSON(vars.bad) }}'}}", "expression-evaluation"),
        ("{matrix: {v: [1]}, fail-fast: '${{ vars.x }}'}", "expected-boolean"),
        ("{matrix: {v: [1]}, max-parallel: '${{ vars.x }}'}", "expected-number"),
        ("${{ fromJSON(vars.x) }}", "expected-mapping"),
        ("${{ fromJSON(vars.odd) }}", "unexpected-key"),
    ],
)
def test_what_comes_out_wrong_is_refused_with_its_line(strategy: str, code: str) -> None:
    with pytest.raises(WorkflowError) as refused:
        planned(strategy, vars={"x": "[]", "bad": "{", "odd": '{"matrixx": {}}'})

    assert [(code, 4)] == [(each.code, each.span.start.line) for each in refused.value.diagnostics]


def test_a_legs_name_is_cut_at_100_characters() -> None:
    assert Leg(0, 1, suffix="a, b").display_name("test") == "test (a, b)"
    assert SINGLE_LEG.display_name("test") == "test"
    assert Leg(0, 1, suffix="x" * 200).display_name("test") == "test (" + "x" * 91 + "..."


@pytest.mark.parametrize(
    ("matrix", "fault"),
    [
        (
            "{os: [x], exclude: [{arch: arm}]}",
            "Matrix exclude key 'arch' does not match any key within the matrix",
        ),
        ("{}", "Matrix must define at least one vector"),
        ("{os: [x], exclude: [{os: x}]}", None),
        ("{os: ['${{ github.actor }}'], exclude: [{arch: arm}]}", None),
    ],
)
def test_a_matrix_in_which_nothing_is_computed_is_judged_before_it_runs(matrix: str, fault: str | None) -> None:
    text = f"on: push\njobs: {{a: {{runs-on: x, strategy: {{matrix: {matrix}}}}}}}\n"
    workflow = read_workflow(text, "ci.yml").workflow
    assert workflow is not None

    assert [each.message for each in matrix_faults(workflow)] == ([] if fault is None else [fault])
