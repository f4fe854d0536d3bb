"""How many legs may share the VM with one."""

from __future__ import annotations

import pytest

from terraphim_runner.domain.conclusion import Conclusion
from terraphim_runner.domain.vm_type import VmType
from terraphim_runner.executor.record import NeedsRecord
from terraphim_runner.executor.schedule import Begin, Schedule
from terraphim_runner.executor.schedule_state import Level
from terraphim_runner.workflow.call import WorkflowLoader
from terraphim_runner.workflow.event_context import EventContext
from terraphim_runner.workflow.machine import LabelTable
from terraphim_runner.workflow.plan import Setting, plan_run
from terraphim_runner.workflow.reader import read_workflow

_VM_TYPE = VmType(name="default", image="none", cpus=2, memory_mib=64, disk_mib=64)
_EVENT = EventContext(name="push", ref="refs/heads/main", sha="1" * 40, repository="octo/hello")
_MATRIX = "strategy: {matrix: {n: [1, 2, 3]}}"
_LATE = "needs: a\nstrategy: {matrix: {n: '${{ fromJSON(needs.a.outputs.n) }}'}}"
_CALL = "uses: ./.github/workflows/lib.yml"


def _jobs(**jobs: str) -> str:
    text = "jobs:\n"
    for name, keys in jobs.items():
        runs_on = "" if "runs-on:" in keys else "\nruns-on: ubuntu-latest"
        lines = keys if "uses:" in keys else f"{keys}{runs_on}\nsteps: [{{run: x}}]"
        text += f"  {name}:\n" + "".join(f"    {line}\n" for line in lines.splitlines() if line)
    return text


_LIBRARY = "on: workflow_call\n" + _jobs(one="", two="needs: one", three="needs: one")


def _at_once(places: int = 64, **jobs: str) -> dict[str, int]:
    """Run all jobs, one after the other where that can be, and give what each leg was told."""
    read = read_workflow("on: push\n" + _jobs(**jobs), ".github/workflows/ci.yml")
    assert read.workflow is not None, [str(each) for each in read.diagnostics]
    loader = WorkflowLoader({".github/workflows/lib.yml": _LIBRARY}.get)
    setting = Setting(labels=LabelTable({"ubuntu-latest": _VM_TYPE}, _VM_TYPE), loader=loader, skip_unserved=True)
    plan = plan_run(read.workflow, _EVENT, setting)
    root = Level(plan.workflow, plan.setting, {}, ())
    root.add_jobs(plan.jobs)
    schedule = Schedule(root, places=places, machine=_VM_TYPE)
    found: dict[str, int] = {}
    while begun := [action for action in schedule.advance() if isinstance(action, Begin)]:
        for action in begun:
            found[action.leg.key] = action.at_once
            schedule.end(action.leg, NeedsRecord(Conclusion.SUCCESS, {"n": "[1, 2]"}))
    return found


def test_a_job_that_is_alone_shares_with_nobody() -> None:
    assert _at_once(a="") == {"a": 1}


def test_jobs_in_a_chain_share_with_nobody() -> None:
    assert _at_once(a="", b="needs: a", c="needs: b") == {"a": 1, "b": 1, "c": 1}


def test_a_job_shares_with_those_that_do_not_wait_for_it_nor_it_for_them() -> None:
    """Of `b` and `c`, which wait for each other, only one runs beside `d`."""
    assert _at_once(a="", b="needs: a", c="needs: b", d="needs: a") == {"a": 1, "b": 2, "c": 2, "d": 2}


def test_there_are_never_more_than_places() -> None:
    assert _at_once(places=2, a=_MATRIX, b="") == {"a (1)": 2, "a (2)": 2, "a (3)": 2, "b": 2}
    assert _at_once(places=1, a="", b="") == {"a": 1, "b": 1}


@pytest.mark.parametrize(("limit", "at_once"), [("", 4), ("  max-parallel: 2", 3), ("  max-parallel: 1", 2)])
def test_legs_of_a_matrix_share_as_far_as_they_may_run_at_once(limit: str, at_once: int) -> None:
    matrix = f"strategy:\n  matrix: {{n: [1, 2, 3]}}\n{limit}"
    assert _at_once(a=matrix, b="") == {"a (1)": at_once, "a (2)": at_once, "a (3)": at_once, "b": at_once}


def test_a_matrix_that_is_not_known_yet_may_take_every_place() -> None:
    """`b` may still be running when it is; itself, it knows then how many it has."""
    assert _at_once(places=8, a="", b="", c=_LATE) == {"a": 2, "b": 8, "c (1)": 3, "c (2)": 3}


def test_jobs_that_do_not_run_take_no_share() -> None:
    """Because their condition does not hold, or because no VM type serves them."""
    assert _at_once(a="", b="if: false", c="runs-on: windows-latest") == {"a": 1}


def test_the_jobs_of_a_called_workflow_share_with_each_other_and_with_those_beside_the_call() -> None:
    """`one` comes before the two others, which may both run beside `a`."""
    assert _at_once(a="", call=_CALL) == {"a": 3, "call / one": 2, "call / two": 3, "call / three": 3}


def test_a_call_that_is_made_several_times_counts_as_often() -> None:
    strategy = f"strategy: {{max-parallel: 2, matrix: {{n: [1, 2, 3]}}}}\n{_CALL}"
    found = _at_once(call=strategy)
    assert {key: count for key, count in found.items() if "(1)" in key} == {
        "call (1) / one": 3,
        "call (1) / two": 4,
        "call (1) / three": 4,
    }
