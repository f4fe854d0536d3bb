"""Steps, their ids, and the rules among them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from terraphim_runner.workflow.job import NormalJob
from terraphim_runner.workflow.reader import read_workflow
from terraphim_runner.workflow.step import (
    CancelStep,
    ParallelStep,
    RunStep,
    Step,
    UsesStep,
    WaitAllStep,
    WaitStep,
)
from terraphim_runner.workflow.value import TemplateMap

if TYPE_CHECKING:
    from terraphim_runner.domain.diagnostic import Diagnostic


def read(*steps: str) -> tuple[tuple[Step, ...], tuple[Diagnostic, ...]]:
    lines = "".join(f"      - {step}\n" for step in steps)
    result = read_workflow(f"on: push\njobs:\n  a:\n    runs-on: x\n    steps:\n{lines}", "ci.yml")
    job = result.workflow.jobs[0] if result.workflow is not None else None
    return (job.steps if isinstance(job, NormalJob) else ()), result.diagnostics


def ids(*steps: str) -> list[str]:
    return [step.id for step in read(*steps)[0]]


def codes(*steps: str) -> list[str]:
    return [each.code for each in read(*steps)[1]]


def test_steps_without_an_id_get_one_that_says_what_they_do() -> None:
    assert ids("run: a", "uses: a/b@v1", "run: b", "uses: a/b/c@v2", "uses: ./x") == [
        "__run", "__a_b", "__run_2", "__a_b_2", "__self",
    ]  # fmt: skip


def test_a_written_id_is_kept() -> None:
    step = read("{id: Build, run: a}")[0][0]

    assert step.id == "Build"
    assert str(step.written_id) == "Build"


def test_the_same_id_twice_is_refused_whatever_the_case() -> None:
    assert codes("{id: a, run: x}", "{id: A, run: y}") == ["bad-step-id"]


def test_an_if_gets_success_in_front_unless_it_names_a_status() -> None:
    steps, _ = read("{run: a}", "{run: a, if: github.ref}", "{run: a, if: always()}", "{run: a, if: ''}")
    texts = [step.condition.text for step in steps if isinstance(step, RunStep)]

    assert texts == ["success()", "success() && (github.ref)", "always()", "success()"]


def test_every_key_of_a_run_step_is_in_the_model() -> None:
    (step,), _ = read(
        "{name: n, run: r, shell: s, working-directory: w, env: {A: 1}, timeout-minutes: 5, "
        "continue-on-error: true, background: true}"
    )

    assert isinstance(step, RunStep)
    assert (str(step.name), str(step.run), str(step.shell), str(step.working_directory)) == ("n", "r", "s", "w")
    assert step.background
    assert step.env is not None
    assert step.timeout_minutes is not None
    assert step.continue_on_error is not None


def test_every_key_of_a_uses_step_is_in_the_model() -> None:
    (step,), _ = read("{uses: a/b@v1, with: {x: 3.10, Y: '${{ github.ref }}'}}")

    assert isinstance(step, UsesStep)
    assert str(step.uses) == "a/b@v1"
    assert isinstance(step.with_, TemplateMap)
    assert [(str(key), str(value)) for key, value in step.with_.entries] == [
        ("x", "3.1"),
        ("Y", "${{ github.ref }}"),
    ]


def test_a_step_does_one_thing() -> None:
    assert codes("{run: a, uses: a/b@v1}") == ["unknown-key"]
    assert codes("{name: a}") == ["ambiguous-mapping"]
    assert codes("{shell: bash}") == ["missing-key"]


def test_background_steps_are_waited_for_by_id() -> None:
    steps, diagnostics = read(
        "{id: a, run: x, background: true}", "{wait: a}", "{wait: [a]}", "wait-all:", "{cancel: a}"
    )

    assert diagnostics == ()
    assert [type(step) for step in steps] == [RunStep, WaitStep, WaitStep, WaitAllStep, CancelStep]
    assert ids("{id: a, run: x}", "{wait: a}", "wait-all:", "{cancel: a}")[1:] == [
        "__wait",
        "__wait-all",
        "__cancel",
    ]


@pytest.mark.parametrize(
    ("step", "code"),
    [
        ("{wait: later}", "unknown-step"),
        ("{wait: __run}", "unknown-step"),
        ("{id: w, wait: w}", "unknown-step"),
        ("{cancel: nobody}", "unknown-step"),
        ("{wait-all: false}", "bad-wait-all"),
    ],
)
def test_a_wait_names_a_step_before_it(step: str, code: str) -> None:
    assert codes("{id: first, run: x}", step, "{id: later, run: x}") == [code]


def test_the_steps_of_a_parallel_block_do_not_count_among_the_jobs() -> None:
    steps, diagnostics = read("run: a", "{parallel: [{run: b}, {run: c}]}", "run: d")

    assert diagnostics == ()
    assert [step.id for step in steps] == ["__run", "__parallel", "__run_2"]
    assert isinstance(steps[1], ParallelStep)
    assert [step.id for step in steps[1].steps] == ["__parallel_run", "__parallel_run_2"]


@pytest.mark.parametrize(
    "inner", ["{run: x, background: true}", "{wait: a}", "{wait-all: }", "{cancel: a}", "{parallel: [{run: x}]}"]
)
def test_a_parallel_block_holds_only_work(inner: str) -> None:
    assert "not-in-parallel" in codes("{id: a, run: x}", f"{{parallel: [{inner}]}}")


def test_a_step_that_is_an_alias_gets_an_id_of_its_own() -> None:
    assert ids("&s {run: a}", "*s") == ["__run", "__run_2"]
