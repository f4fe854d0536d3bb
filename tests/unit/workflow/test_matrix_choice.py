"""Legs that a user chose."""

from __future__ import annotations

import pytest

from terraphim_runner.domain.errors import UsageError
from terraphim_runner.domain.vm_type import VmType
from terraphim_runner.workflow.chosen_leg import unchosen_jobs
from terraphim_runner.workflow.event_context import EventContext
from terraphim_runner.workflow.machine import LabelTable
from terraphim_runner.workflow.matrix_choice import MatrixChoice
from terraphim_runner.workflow.plan import Setting, plan_job, plan_run
from terraphim_runner.workflow.reader import read_workflow
from terraphim_runner.workflow.run_plan import JobPlan, RunPlan

_WORKFLOW = """\
on: push
jobs:
  test:
    runs-on: ubuntu-latest
    strategy:
      matrix:
        python: [3.10, 3.12]
        os: [Linux, windows]
        exclude: [{python: 3.10, os: windows}]
    steps: [run: echo]
  lint:
    runs-on: ubuntu-latest
    steps: [run: echo]
  package:
    runs-on: ubuntu-latest
    strategy: {matrix: {os: [windows]}}
    steps: [run: echo]
"""
_LATE = """\
on: push
jobs:
  first:
    runs-on: ubuntu-latest
    outputs: {list: "${{ steps.a.outputs.list }}"}
    steps: [{id: a, run: echo}]
  late:
    needs: first
    runs-on: ubuntu-latest
    strategy: {matrix: {os: "${{ fromJSON(needs.first.outputs.list) }}"}}
    steps: [run: echo]
"""


def _plan(text: str, **choice: tuple[str, ...]) -> RunPlan:
    read = read_workflow(text, "ci.yml")
    assert read.workflow is not None, read.diagnostics
    vm_type = VmType("default", "none", 1, 64, 64)
    labels = LabelTable({"ubuntu-latest": vm_type}, vm_type)
    return plan_run(read.workflow, EventContext(name="push"), Setting(labels=labels, matrix=MatrixChoice(choice)))


def _keys(plan: RunPlan) -> list[str]:
    return [leg.key for _, leg in plan.legs]


def test_only_legs_with_the_value_run_and_those_without_the_key() -> None:
    """Values are compared as expressions compare them, names of keys too."""
    assert _keys(_plan(_WORKFLOW, Python=("3.10",))) == ["test (3.1, Linux)", "lint", "package (windows)"]


def test_values_of_one_key_add_up_and_keys_narrow_down() -> None:
    assert _keys(_plan(_WORKFLOW, python=("3.10", "3.12"), os=("linux",))) == [
        "test (3.1, Linux)",
        "test (3.12, Linux)",
        "lint",
    ]


def test_a_job_of_which_nothing_is_chosen_is_named() -> None:
    """It does not run, and is not forgotten silently."""
    assert [*unchosen_jobs(_plan(_WORKFLOW, os=("linux",)))] == ["package"]


@pytest.mark.parametrize(
    ("choice", "message", "hint"),
    [
        ({"pyton": ("3.12",)}, "--matrix pyton: no matrix has this key", "did you mean `python`?"),
        ({"arch": ("arm",)}, "--matrix arch: no matrix has this key", "they have: os, python"),
        ({"python": ("3.9",)}, "--matrix python:3.9: no leg has this value", "python: 3.1, 3.12"),
    ],
)
def test_a_choice_that_fits_nothing_says_what_there_is(
    choice: dict[str, tuple[str, ...]], message: str, hint: str | None
) -> None:
    with pytest.raises(UsageError) as raised:
        _plan(_WORKFLOW, **choice)

    assert (str(raised.value), raised.value.hint) == (message, hint)


def test_values_that_no_leg_has_together_are_said() -> None:
    """Each of them is there."""
    text = _WORKFLOW.partition("  package:")[0]
    with pytest.raises(UsageError, match="no leg has all of these values at once"):
        _plan(text, python=("3.10",), os=("windows",))


def test_without_any_matrix_the_hint_says_so() -> None:
    with pytest.raises(UsageError) as raised:
        _plan("on: push\njobs: {a: {runs-on: ubuntu-latest, steps: [run: echo]}}", os=("x",))

    assert raised.value.hint == "there is no matrix"


def test_a_matrix_that_is_known_later_is_chosen_from_then() -> None:
    """Nobody can say beforehand whether it has the value."""
    plan = _plan(_LATE, os=("b",))
    late = plan.jobs[1]
    assert isinstance(late, JobPlan)

    again = plan_job(late.job, plan.setting.with_contexts(needs={"first": {"outputs": {"list": '["a", "b"]'}}}))

    assert [leg.key for leg in again.legs] == ["late (b)"]
