"""Step conditions and job results against the official runner's own test tables."""

from __future__ import annotations

import json
from contextlib import AsyncExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from tests.unit.executor.scripted_turn import Kept, frame_of, scope_of

from terraphim_runner.adapters.memory.clock import ManualClock
from terraphim_runner.adapters.memory.concurrency_groups import MemoryConcurrencyGroups
from terraphim_runner.adapters.memory.ledger import MemoryLedger
from terraphim_runner.adapters.memory.provider import MemoryProvider
from terraphim_runner.adapters.memory.vm import Behaviour, Call
from terraphim_runner.domain.conclusion import Conclusion
from terraphim_runner.domain.ident import RunId
from terraphim_runner.domain.vm_type import VmType
from terraphim_runner.executor.cancellation import Cancellation
from terraphim_runner.executor.executor import RunRequest, WorkflowExecutor
from terraphim_runner.executor.record import StepsRecord
from terraphim_runner.expressions.condition import condition as parse_condition
from terraphim_runner.ports.vm import ExitStatus
from terraphim_runner.session.manager import SessionLimits, SessionManager
from terraphim_runner.workflow.action_reference import Repository
from terraphim_runner.workflow.event_context import EventContext
from terraphim_runner.workflow.machine import LabelTable
from terraphim_runner.workflow.plan import Setting, plan_run
from terraphim_runner.workflow.reader import read_workflow

if TYPE_CHECKING:
    from terraphim_runner.domain.event import RunEvent, RunFinished

pytestmark = [pytest.mark.conformance, pytest.mark.anyio]

_TABLES = Path(__file__).parents[3] / "shared/conformance/actions-runner"
_VM_TYPE = VmType(name="default", image="none", cpus=1, memory_mib=64, disk_mib=64)


def _cases(name: str) -> list[dict[str, Any]]:
    path = _TABLES / name
    return json.loads(path.read_text())["cases"] if path.exists() else []


_STATUS = _cases("status-functions.json")
_STEPS = [case for case in _cases("steps-runner.json") if "cancelled" not in json.dumps(case["steps"])]


class _Silence:
    def emit(self, event: RunEvent) -> None:
        del event


@pytest.mark.skipif(not _STATUS, reason=f"{_TABLES} is not here")
@pytest.mark.parametrize("case", _STATUS, ids=lambda case: case["id"])
async def test_status_functions_answer_as_the_official_runners(case: dict[str, Any]) -> None:
    frame = frame_of(Kept())
    scope = scope_of(frame)
    _set_status(scope.record, case["job_status"], frame.cancellation)
    if case.get("in_composite"):
        scope = scope.nested("outer", StepsRecord(), inputs=None, github={}, home=Repository("", ""))
        _set_status(scope.record, case["action_status"], frame.cancellation)

    condition = parse_condition(case["expr"])
    assert await scope.evaluate(condition.evaluate) is case["expected"]


def _set_status(record: StepsRecord, status: str | None, cancellation: Cancellation) -> None:
    if status == "failure":
        record.fail()
    elif status == "cancelled":
        cancellation.request()


@pytest.mark.skipif(not _STEPS, reason=f"{_TABLES} is not here")
@pytest.mark.parametrize("case", _STEPS, ids=lambda case: case["id"])
async def test_a_job_of_steps_ends_as_the_official_runners(case: dict[str, Any]) -> None:
    steps = [
        {"run": f"exit-{int(step['step_result'] != 'success')}", "if": step["if"]}
        | {key: step[key] for key in ("continue-on-error",) if key in step}
        for step in case["steps"]
    ]
    result = await _run({"on": "push", "jobs": {"a": {"runs-on": "x", "steps": steps}}})

    does_last_run = result.jobs[0].steps[-1].outcome is not Conclusion.SKIPPED
    seen = {"expected_job_result": result.jobs[0].conclusion.value, "expected_last_step_runs": does_last_run}
    assert seen | {key: case[key] for key in seen if key in case} == seen


async def _run(document: dict[str, Any]) -> RunFinished:
    read = read_workflow(json.dumps(document), "ci.yml")
    assert read.workflow is not None, read.diagnostics
    plan = plan_run(
        read.workflow, EventContext(name="push"), Setting(labels=LabelTable({"x": _VM_TYPE}, _VM_TYPE))
    )
    clock, ledger = ManualClock(), MemoryLedger()
    async with AsyncExitStack() as stack:
        provider = await stack.enter_async_context(MemoryProvider(clock, _exit_as_named))
        sessions = await stack.enter_async_context(SessionManager(provider, ledger, clock, SessionLimits()))
        executor = WorkflowExecutor(sessions, ledger, clock, _Silence(), MemoryConcurrencyGroups())
        return await executor.execute_workflow(RunRequest(RunId("run"), plan, _VM_TYPE), Cancellation())


def _exit_as_named(call: Call) -> Behaviour:
    is_failing = any(text.strip() == b"exit-1" for text in call.command.files.values())
    return Behaviour(status=ExitStatus(code=int(is_failing)))
