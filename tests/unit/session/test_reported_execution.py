"""Commands of a session, as they are told of."""

from __future__ import annotations

from contextlib import AsyncExitStack, asynccontextmanager
from typing import TYPE_CHECKING

import pytest

from terraphim_runner.adapters.memory.clock import ManualClock
from terraphim_runner.adapters.memory.ledger import MemoryLedger
from terraphim_runner.adapters.memory.provider import MemoryProvider
from terraphim_runner.adapters.memory.vm import Behaviour
from terraphim_runner.domain.errors import CommandNotStarted, MachineLost
from terraphim_runner.domain.ident import RunId, StepPlace
from terraphim_runner.domain.vm_type import VmType
from terraphim_runner.ports.vm import Command, ExitStatus, RootSpec, Stream
from terraphim_runner.session.manager import SessionLimits, SessionManager

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from terraphim_runner.ports.execution_sink import ExecutionReport
    from terraphim_runner.session.session import SessionRoot

pytestmark = pytest.mark.anyio

COMMAND = Command(("program", "argument"), origin=StepPlace("job", 3))
LATE = Behaviour(output=((Stream.STDOUT, b"hello"),), status=ExitStatus(code=2), duration_s=5.0)


class _Reports:
    def __init__(self) -> None:
        self.clock = ManualClock()
        self.reports: list[ExecutionReport] = []

    def record(self, report: ExecutionReport) -> None:
        self.reports.append(report)

    @asynccontextmanager
    async def root(self, behaviour: Behaviour) -> AsyncIterator[SessionRoot]:
        provider = MemoryProvider(self.clock, lambda _: behaviour)
        async with AsyncExitStack() as stack:
            await stack.enter_async_context(provider)
            manager = SessionManager(provider, MemoryLedger(), self.clock, SessionLimits())
            await stack.enter_async_context(manager)
            vm_type = VmType(name="default", image="none", cpus=1, memory_mib=64, disk_mib=64)
            session = await manager.create_session(RunId("run-1"), vm_type, executions=self)
            yield await stack.enter_async_context(session.open_root(RootSpec("job-1")))


async def test_a_command_is_reported_once_and_when_it_has_ended_not_when_it_is_left() -> None:
    """With its place, its root, its status, and how long it took."""
    told = _Reports()
    async with told.root(LATE) as root, root.exec(COMMAND) as execution:
        await told.clock.advance_s(5.0)
        output = [data async for _, data in execution]
        assert told.reports == []
        assert await execution.wait() == await execution.wait()
        (report,) = told.reports
        await told.clock.advance_s(100.0)

    assert output == [b"hello"]
    assert told.reports == [report]
    assert (report.program, report.origin, report.root) == ("program", StepPlace("job", 3), "job-1")
    assert (report.is_started, report.status) == (True, ExitStatus(code=2))
    assert (report.ended_at - report.started_at).total_seconds() == 5.0


async def test_a_command_that_is_left_to_be_killed_has_no_status() -> None:
    """Nobody knows one, and none is made up."""
    told = _Reports()
    async with told.root(Behaviour(is_endless=True)) as root, root.exec(COMMAND):
        pass

    assert [(report.is_started, report.status) for report in told.reports] == [(True, None)]


async def test_a_command_that_is_lost_with_its_vm_has_no_status() -> None:
    """As before: the error is the caller's."""
    told = _Reports()
    async with told.root(Behaviour(loses_vm=True)) as root:
        with pytest.raises(MachineLost):
            async with root.exec(COMMAND) as execution:
                await execution.wait()

    assert [(report.is_started, report.status) for report in told.reports] == [(True, None)]


async def test_a_command_that_cannot_be_started_is_reported_as_that() -> None:
    """And it still counts as an error for who wanted it."""
    told = _Reports()
    async with told.root(Behaviour(is_unknown=True)) as root:
        with pytest.raises(CommandNotStarted):
            async with root.exec(COMMAND):
                pass

    assert [(report.is_started, report.status) for report in told.reports] == [(False, None)]
