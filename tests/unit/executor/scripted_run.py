"""Runs of workflows on the scripted provider, for tests: a step's script is the name of its behaviour."""

from __future__ import annotations

from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, TypeVar

from terraphim_runner.adapters.memory.clock import ManualClock
from terraphim_runner.adapters.memory.concurrency_groups import MemoryConcurrencyGroups
from terraphim_runner.adapters.memory.ledger import MemoryLedger
from terraphim_runner.adapters.memory.provider import MemoryProvider
from terraphim_runner.adapters.memory.vm import Behaviour, Call
from terraphim_runner.domain.event import RunEvent, RunFinished, StepOutput
from terraphim_runner.domain.ident import RunId
from terraphim_runner.domain.vm_type import VmType
from terraphim_runner.executor.cancellation import Cancellation
from terraphim_runner.executor.executor import RunRequest, WorkflowExecutor
from terraphim_runner.ports.vm import ExitStatus
from terraphim_runner.session.manager import SessionLimits, SessionManager
from terraphim_runner.workflow.event_context import EventContext
from terraphim_runner.workflow.machine import LabelTable
from terraphim_runner.workflow.plan import Setting, plan_run
from terraphim_runner.workflow.reader import read_workflow

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping

    from terraphim_runner.ports.execution_sink import ExecutionReport
    from terraphim_runner.ports.work_tree import WorkTree

VM_TYPE = VmType(name="default", image="none", cpus=1, memory_mib=64, disk_mib=64)
EVENT = EventContext(name="push", ref="refs/heads/main", sha="1" * 40, repository="octo/hello")
FAIL = Behaviour(status=ExitStatus(code=3))
E = TypeVar("E")


class World:
    def __init__(self, behaviours: Mapping[str, Behaviour]) -> None:
        self._behaviours = behaviours
        self.clock = ManualClock()
        self.ledger = MemoryLedger()
        self.provider = MemoryProvider(self.clock, self._script)
        self.manager = SessionManager(self.provider, self.ledger, self.clock, SessionLimits())
        self.groups = MemoryConcurrencyGroups()
        self.cancellation = Cancellation()
        self.events: list[RunEvent] = []
        self.scripts: list[str] = []
        self.reports: list[ExecutionReport] = []

    def emit(self, event: RunEvent) -> None:
        self.events.append(event)

    def record(self, report: ExecutionReport) -> None:
        self.reports.append(report)

    def of(self, kind: type[E]) -> list[E]:
        return [event for event in self.events if isinstance(event, kind)]

    @property
    def lines(self) -> list[str]:
        return [line for event in self.of(StepOutput) for line in event.lines]

    async def run(self, text: str, work_tree: WorkTree | None = None) -> RunFinished:
        return await self.execute(replace(request_of(text), work_tree=work_tree))

    async def execute(self, request: RunRequest) -> RunFinished:
        executor = WorkflowExecutor(self.manager, self.ledger, self.clock, self, self.groups, executions=self)
        return await executor.execute_workflow(request, self.cancellation)

    def _script(self, call: Call) -> Behaviour:
        script = next((text for path, text in call.command.files.items() if path in call.command.argv), None)
        if "python3" in call.command.argv:
            return self._behaviours.get("hash_files", Behaviour())
        if script is None:
            is_clean_up = any("rm -rf" in word for word in call.command.argv)
            return self._behaviours.get("clean_up", Behaviour()) if is_clean_up else Behaviour()
        name = script.decode().strip()
        self.scripts.append(name)
        behaviour = self._behaviours.get(name, Behaviour())
        by_variable = {call.command.env.get(variable, ""): data for variable, data in behaviour.files.items()}
        return replace(behaviour, files=by_variable)


def request_of(text: str, vm_type: VmType = VM_TYPE) -> RunRequest:
    read = read_workflow(text, "ci.yml")
    assert read.workflow is not None, read.diagnostics
    labels = LabelTable({"ubuntu-latest": vm_type}, vm_type)
    return RunRequest(RunId("run-1"), plan_run(read.workflow, EVENT, Setting(labels=labels)), vm_type)


@asynccontextmanager
async def scripted_world(**behaviours: Behaviour) -> AsyncIterator[World]:
    world = World(behaviours)
    async with AsyncExitStack() as stack:
        await stack.enter_async_context(world.provider)
        await stack.enter_async_context(world.manager)
        yield world


def job_of(steps: str, *, extra: str = "") -> str:
    indented = "".join(f"      {line}\n" for line in steps.splitlines())
    return f"on: push\njobs:\n  a:\n    runs-on: ubuntu-latest\n{extra}    steps:\n{indented}"
