"""Runs with several jobs on the scripted provider, in a clock's hand: for tests of what runs when."""

from __future__ import annotations

from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, TypeVar

from terraphim_runner.adapters.memory.clock import ManualClock
from terraphim_runner.adapters.memory.concurrency_groups import MemoryConcurrencyGroups
from terraphim_runner.adapters.memory.ledger import MemoryLedger
from terraphim_runner.adapters.memory.provider import MemoryProvider
from terraphim_runner.adapters.memory.vm import Behaviour, Call
from terraphim_runner.domain.ident import RunId
from terraphim_runner.domain.vm_type import VmType
from terraphim_runner.executor.cancellation import Cancellation
from terraphim_runner.executor.executor import RunRequest, WorkflowExecutor
from terraphim_runner.ports.vm import ExitStatus
from terraphim_runner.session.manager import SessionLimits, SessionManager
from terraphim_runner.workflow.call import WorkflowLoader
from terraphim_runner.workflow.event_context import EventContext
from terraphim_runner.workflow.machine import LabelTable
from terraphim_runner.workflow.plan import Setting, plan_run
from terraphim_runner.workflow.reader import read_workflow

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping

    from anyio.abc import TaskGroup

    from terraphim_runner.domain.event import (
        RunEvent,
        RunFinished,
    )

EVENT = EventContext(name="push", ref="refs/heads/main", sha="1" * 40, repository="octo/hello")
FAIL = Behaviour(status=ExitStatus(code=3))
ENDLESS = Behaviour(is_endless=True)
STUBBORN = Behaviour(is_endless=True, ends_on=frozenset({9}))
ALWAYS = "{run: tidy, if: always()}"
E = TypeVar("E")


class GraphWorld:
    """One run under way, in a clock's hand."""

    def __init__(
        self, behaviours: Mapping[str, Behaviour], *, cpus: int, allocation_s: float, set_up_s: float
    ) -> None:
        self._behaviours = behaviours
        self._vm_type = VmType(name="default", image="none", cpus=cpus, memory_mib=64, disk_mib=64)
        self.clock = ManualClock()
        self.ledger = MemoryLedger()
        self.provider = MemoryProvider(self.clock, self._script, allocation_s=allocation_s)
        self.provider.directories_s = set_up_s
        limits = SessionLimits(idle_timeout_s=50.0)
        self.manager = SessionManager(self.provider, self.ledger, self.clock, limits)
        self.groups = MemoryConcurrencyGroups()
        self.cancellation = Cancellation()
        self.events: list[RunEvent] = []
        self.scripts: list[str] = []
        self.results: list[RunFinished] = []
        self.max_parallel_jobs: int | None = None

    def emit(self, event: RunEvent) -> None:
        self.events.append(event)

    def of(self, kind: type[E]) -> list[E]:
        return [event for event in self.events if isinstance(event, kind)]

    @property
    def result(self) -> RunFinished:
        return self.results[0]

    def endings(self) -> dict[str, str]:
        return {job.key: job.conclusion.value for job in self.result.jobs}

    def reason(self, key: str) -> str | None:
        return next(job.reason for job in self.result.jobs if job.key == key)

    async def run(self, text: str, **called: str) -> None:
        executor = WorkflowExecutor(self.manager, self.ledger, self.clock, self, self.groups)
        self.results.append(await executor.execute_workflow(self._request(text, called), self.cancellation))

    def _request(self, text: str, called: Mapping[str, str]) -> RunRequest:
        read = read_workflow(text, ".github/workflows/ci.yml")
        assert read.workflow is not None, [str(each) for each in read.diagnostics]
        files = {f".github/workflows/{name}.yml": content for name, content in called.items()}
        labels = LabelTable({"ubuntu-latest": self._vm_type}, self._vm_type)
        plan = plan_run(read.workflow, EVENT, Setting(labels=labels, loader=WorkflowLoader(files.get)))
        return RunRequest(
            RunId("run-1"),
            plan,
            self._vm_type,
            secrets={"KEY": "s3cret"},
            variables={"PLACE": "here"},
            max_parallel_jobs=self.max_parallel_jobs,
        )

    def _script(self, call: Call) -> Behaviour:
        script = next((text for path, text in call.command.files.items() if path in call.command.argv), None)
        if script is None:
            return self._behaviours.get("clean_up", Behaviour())
        name = script.decode().strip()
        self.scripts.append(name)
        behaviour = self._behaviours.get(name, Behaviour())
        by_variable = {call.command.env.get(variable, ""): data for variable, data in behaviour.files.items()}
        return replace(behaviour, files=by_variable)


@asynccontextmanager
async def graph_world(
    named: Mapping[str, Behaviour] | None = None,
    *,
    cpus: int = 2,
    allocation_s: float = 0.0,
    set_up_s: float = 0.0,
    **more: Behaviour,
) -> AsyncIterator[GraphWorld]:
    world = GraphWorld({**(named or {}), **more}, cpus=cpus, allocation_s=allocation_s, set_up_s=set_up_s)
    async with AsyncExitStack() as stack:
        await stack.enter_async_context(world.provider)
        await stack.enter_async_context(world.manager)
        yield world
        assert await world.provider.held_vms() == []


def a_job(run: str, keys: str = "", *more: str) -> str:
    steps = "".join(f"      - {step}\n" for step in (f"run: {run}", *more))
    return (
        "".join(f"    {line}\n" for line in keys.splitlines()) + f"    runs-on: ubuntu-latest\n    steps:\n{steps}"
    )


def a_workflow(on: str = "push", head: str = "", **jobs: str) -> str:
    return f"on: {on}\n{head}jobs:\n" + "".join(f"  {name}:\n{text}" for name, text in jobs.items())


def lasting(seconds: float) -> Behaviour:
    return Behaviour(duration_s=seconds)


async def cancel(world: GraphWorld, tasks: TaskGroup, text: str) -> None:
    """Start the run, ask it to stop after five seconds, and give it a minute."""
    tasks.start_soon(world.run, text)
    await world.clock.advance_s(5.0)
    assert world.results == []
    world.cancellation.request()
    await world.clock.advance_s(60.0)
