"""Runs of several jobs where steps are really executed: side by side, and stopped in good order."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import anyio
import pytest

from terraphim_runner.adapters.memory.concurrency_groups import MemoryConcurrencyGroups
from terraphim_runner.adapters.memory.ledger import MemoryLedger
from terraphim_runner.adapters.system_clock import SystemClock
from terraphim_runner.domain.conclusion import Conclusion
from terraphim_runner.domain.event import RunEvent, RunFinished, StepOutput
from terraphim_runner.domain.ident import RunId
from terraphim_runner.domain.vm_type import VmType
from terraphim_runner.executor.cancellation import Cancellation
from terraphim_runner.executor.executor import RunRequest, WorkflowExecutor
from terraphim_runner.session.manager import SessionLimits, SessionManager
from terraphim_runner.workflow.event_context import EventContext
from terraphim_runner.workflow.machine import LabelTable
from terraphim_runner.workflow.plan import Setting, plan_run
from terraphim_runner.workflow.reader import read_workflow

if TYPE_CHECKING:
    from collections.abc import Callable

    from terraphim_runner.ports.vm import VmProvider

pytestmark = pytest.mark.anyio

_VM_TYPE = VmType("small", "debian-12", cpus=2, memory_mib=512, disk_mib=1024)
_EVENT = EventContext(name="push", ref="refs/heads/main", sha="1" * 40, repository="octo/hello")


class _Watch:
    """A sink that tells when the steps have said what is waited for."""

    def __init__(self, on_line: Callable[[list[str]], None] = lambda _: None) -> None:
        self._on_line = on_line
        self.events: list[RunEvent] = []
        self.lines: list[str] = []

    def emit(self, event: RunEvent) -> None:
        self.events.append(event)
        if isinstance(event, StepOutput):
            self.lines += event.lines
            self._on_line(self.lines)


async def _run(provider: VmProvider, text: str, watch: _Watch, cancellation: Cancellation) -> RunFinished:
    read = read_workflow(text, "ci.yml")
    assert read.workflow is not None, read.diagnostics
    plan = plan_run(read.workflow, _EVENT, Setting(labels=LabelTable({"ubuntu-latest": _VM_TYPE}, _VM_TYPE)))
    ledger, clock = MemoryLedger(), SystemClock()
    async with SessionManager(provider, ledger, clock, SessionLimits()) as sessions:
        executor = WorkflowExecutor(sessions, ledger, clock, watch, MemoryConcurrencyGroups())
        with anyio.fail_after(240):
            return await executor.execute_workflow(RunRequest(RunId("r"), plan, _VM_TYPE), cancellation)


def _jobs(script: str) -> str:
    steps = f"[{{run: '{script}'}}, {{run: echo tidied, if: always()}}]"
    return "on: push\njobs:\n" + "".join(
        f"  {name}: {{runs-on: ubuntu-latest, steps: {steps}}}\n" for name in ("a", "b")
    )


def _living(pids: list[str]) -> list[str]:
    return [pid for pid in pids if Path("/proc", pid).exists()]


async def test_jobs_run_at_the_same_time_and_a_cancelled_run_tidies_up_and_leaves_no_process(
    real_provider: VmProvider,
) -> None:
    """Neither job ends by itself, so both have begun only if they run side by side."""
    cancellation = Cancellation()

    def cancel_when_both_run(lines: list[str]) -> None:
        if sum(line.startswith("pid ") for line in lines) == 2:
            cancellation.request()

    watch = _Watch(cancel_when_both_run)
    result = await _run(real_provider, _jobs("echo pid $$; exec sleep 100000"), watch, cancellation)

    assert result.conclusion is Conclusion.CANCELLED
    assert watch.lines.count("tidied") == 2
    assert [[step.conclusion.value for step in job.steps] for job in result.jobs] == [["cancelled", "success"]] * 2
    assert (result.allocations, result.releases) == (1, 1)
    assert list(await real_provider.held_vms()) == []
    if real_provider.name == "process":  # a VM takes its processes with it
        assert _living([line.removeprefix("pid ") for line in watch.lines if line.startswith("pid ")]) == []


async def test_a_job_that_fails_fast_stops_its_sibling_and_tells_why(real_provider: VmProvider) -> None:
    """The sibling would never end by itself."""
    matrix = "strategy: {matrix: {n: [1, 2]}}"
    script = "case ${{ matrix.n }} in 1) exit 3;; *) exec sleep 100000;; esac"
    steps = f"[{{run: '{script}'}}, {{run: echo tidied, if: always()}}]"
    workflow = f"on: push\njobs:\n  a: {{runs-on: ubuntu-latest, {matrix}, steps: {steps}}}\n"
    result = await _run(real_provider, workflow, _Watch(), Cancellation())

    assert result.conclusion is Conclusion.FAILURE
    assert [job.conclusion.value for job in result.jobs] == ["failure", "cancelled"]
    assert result.jobs[1].reason == "another leg failed (fail-fast): a (1)"
