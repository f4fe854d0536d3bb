"""Sessions on the scripted provider: one allocation, one release, a hard limit, whatever happens."""

from __future__ import annotations

from collections import Counter
from contextlib import AsyncExitStack, asynccontextmanager
from typing import TYPE_CHECKING

import anyio
import pytest

from terraphim_runner.adapters.memory.clock import ManualClock
from terraphim_runner.adapters.memory.ledger import MemoryLedger
from terraphim_runner.adapters.memory.provider import MemoryProvider
from terraphim_runner.adapters.memory.vm import Behaviour
from terraphim_runner.domain.budget import Budget
from terraphim_runner.domain.errors import InfraError, RestoreFailed, SessionExpired, SessionRefused
from terraphim_runner.domain.ident import RunId, SessionId, VmId
from terraphim_runner.domain.state import SessionState
from terraphim_runner.domain.vm_type import VmType
from terraphim_runner.ports.ledger import LedgerEntry, LedgerEvent
from terraphim_runner.ports.vm import Command, RootSpec
from terraphim_runner.session.admission import WhenFull
from terraphim_runner.session.manager import SessionLimits, SessionManager

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from terraphim_runner.ports.vm import Execution
    from terraphim_runner.session.session import Session

pytestmark = pytest.mark.anyio

_VM_TYPE = VmType(name="default", image="none", cpus=1, memory_mib=64, disk_mib=64)
_RUN = RunId("run-1")
_TRUE = Command(("true",))


class _World:
    def __init__(self, limits: SessionLimits, *, allocation_s: float = 0.0, is_endless: bool = False) -> None:
        self.clock = ManualClock()
        self.ledger = MemoryLedger()
        self.provider = MemoryProvider(
            self.clock, lambda _: Behaviour(is_endless=is_endless), allocation_s=allocation_s
        )
        self.manager = SessionManager(self.provider, self.ledger, self.clock, limits)

    def counts(self) -> Counter[LedgerEvent]:
        return Counter(entry.event for entry in self.ledger.entries())


@asynccontextmanager
async def _world(
    limits: SessionLimits | None = None, *, allocation_s: float = 0.0, is_endless: bool = False
) -> AsyncIterator[_World]:
    world = _World(limits or SessionLimits(), allocation_s=allocation_s, is_endless=is_endless)
    async with AsyncExitStack() as stack:
        await stack.enter_async_context(world.provider)
        await stack.enter_async_context(world.manager)
        yield world


@asynccontextmanager
async def _executing(session: Session) -> AsyncIterator[Execution]:
    async with session.open_root(RootSpec("job")) as root, root.exec(_TRUE) as execution:
        yield execution


async def test_p1_p3_a_session_is_one_allocation_and_one_release() -> None:
    async with _world() as world:
        async with world.manager.session(_RUN, _VM_TYPE) as session:
            async with _executing(session) as execution:
                await execution.wait()
            assert _state(session) is SessionState.ACTIVE

        assert _state(session) is SessionState.RELEASED
        assert world.counts() == {LedgerEvent.REQUESTED: 1, LedgerEvent.ALLOCATED: 1, LedgerEvent.RELEASED: 1}
        assert await world.provider.held_vms() == []


async def test_p4_a_vm_is_asked_for_only_when_the_budget_holds_it() -> None:
    """Though there is a place."""
    limits = SessionLimits(max_concurrent_sessions=2, when_full=WhenFull.REFUSE, budget=Budget(1.0, 1024.0))
    async with _world(limits) as world, world.manager.session(_RUN, _VM_TYPE):
        with pytest.raises(SessionRefused, match="2 CPUs of 1"):
            await world.manager.create_session(_RUN, _VM_TYPE)

        assert len(world.provider.vms) == 1


async def test_p3_an_exception_releases_and_is_not_masked() -> None:
    async with _world() as world:
        with pytest.raises(RuntimeError, match="boom"):
            async with world.manager.session(_RUN, _VM_TYPE):
                raise RuntimeError("boom")

        assert world.counts()[LedgerEvent.RELEASED] == 1


async def test_p3_a_cancelled_run_releases() -> None:
    async with _world(is_endless=True) as world:
        async with anyio.create_task_group() as tasks:

            async def run() -> None:
                async with world.manager.session(_RUN, _VM_TYPE) as session, _executing(session) as execution:
                    tasks.cancel_scope.cancel()
                    await execution.wait()

            tasks.start_soon(run)

        assert world.counts()[LedgerEvent.RELEASED] == 1
        assert await world.provider.held_vms() == []


async def test_p3_a_run_cancelled_while_allocating_holds_nothing() -> None:
    async with _world(allocation_s=5.0) as world:
        with anyio.CancelScope() as scope:
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(world.manager.create_session, _RUN, _VM_TYPE)
                await anyio.wait_all_tasks_blocked()
                scope.cancel()

        assert world.counts() == {LedgerEvent.REQUESTED: 1, LedgerEvent.ALLOCATION_FAILED: 1}
        assert world.manager.statistics().admitted == 0


async def test_a_failed_allocation_gives_its_place_back() -> None:
    async with _world() as world:
        world.provider.faults.on_allocate.append(RestoreFailed())
        with pytest.raises(RestoreFailed):
            await world.manager.create_session(_RUN, _VM_TYPE)

        async with world.manager.session(_RUN, _VM_TYPE):
            assert world.manager.statistics().admitted == 1


async def test_p3_a_failed_release_is_recorded_and_retried() -> None:
    async with _world() as world:
        world.provider.faults.on_release.append(InfraError("stuck"))
        async with world.manager.session(_RUN, _VM_TYPE):
            pass

        assert world.counts()[LedgerEvent.RELEASE_FAILED] == 1
        assert world.counts()[LedgerEvent.RELEASED] == 1


async def test_p3_a_release_that_keeps_failing_keeps_its_place_until_it_works() -> None:
    async with _world(SessionLimits(release_attempts=2)) as world:
        world.provider.faults.on_release.extend([InfraError("stuck")] * 2)
        with pytest.raises(InfraError, match="stuck"):
            async with world.manager.session(_RUN, _VM_TYPE):
                pass

        assert world.manager.statistics().admitted == 1
        assert world.counts()[LedgerEvent.RELEASED] == 0
    assert world.counts()[LedgerEvent.RELEASED] == 1


async def test_a_release_that_takes_too_long_says_so() -> None:
    """A time-out has no words of its own."""
    async with _world(SessionLimits(release_attempts=1)) as world:
        world.provider.faults.on_release.append(TimeoutError())
        session = await world.manager.create_session(_RUN, _VM_TYPE)
        with pytest.raises(InfraError, match="could not be released: TimeoutError"):
            await world.manager.release_session(session, SessionState.COMPLETED)


async def test_releasing_twice_at_once_is_one_release() -> None:
    async with _world() as world:
        session = await world.manager.create_session(_RUN, _VM_TYPE)
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(world.manager.release_session, session, SessionState.COMPLETED)
            tasks.start_soon(world.manager.release_session, session, SessionState.FAILED)
        await world.manager.release_session(session, SessionState.FAILED)

        assert world.counts()[LedgerEvent.RELEASED] == 1


@pytest.mark.parametrize("faults", [1, 2])
async def test_who_waits_for_a_release_that_fails_does_not_take_it_for_done(faults: int) -> None:
    """It tries itself, and is told if that fails too."""
    async with _world(SessionLimits(release_attempts=1)) as world:
        world.provider.faults.on_release.extend([InfraError("stuck")] * faults)
        session = await world.manager.create_session(_RUN, _VM_TYPE)
        errors = []

        async def release() -> None:
            try:
                await world.manager.release_session(session, SessionState.COMPLETED)
            except InfraError as error:
                errors.append(error)

        async with anyio.create_task_group() as tasks:
            tasks.start_soon(release)
            tasks.start_soon(release)

        assert len(errors) == faults
        assert (_state(session) is SessionState.RELEASED) is (faults < 2)


async def test_leaving_the_manager_releases_what_was_forgotten() -> None:
    async with _world() as world:
        await world.manager.create_session(_RUN, _VM_TYPE)
    assert world.counts()[LedgerEvent.RELEASED] == 1


async def test_p4_fifty_requests_never_hold_more_than_two_at_once() -> None:
    async with _world(SessionLimits(max_concurrent_sessions=2), allocation_s=1.0) as world:
        most = 0

        async def run() -> None:
            nonlocal most
            async with world.manager.session(_RUN, _VM_TYPE):
                most = max(most, len(await world.provider.held_vms()))
                await world.clock.sleep_s(1.0)

        async with anyio.create_task_group() as tasks:
            for _ in range(50):
                tasks.start_soon(run)
            await world.clock.advance_s(100.0)

        assert most == 2
        assert world.counts()[LedgerEvent.ALLOCATED] == world.counts()[LedgerEvent.RELEASED] == 50


async def test_p4_refusal_comes_before_any_allocation() -> None:
    async with _world(SessionLimits(max_concurrent_sessions=1, when_full=WhenFull.REFUSE)) as world:
        async with world.manager.session(_RUN, _VM_TYPE):
            with pytest.raises(SessionRefused):
                await world.manager.create_session(_RUN, _VM_TYPE)

        assert world.counts()[LedgerEvent.REQUESTED] == 1


async def test_waiters_are_served_in_order_and_told_their_position() -> None:
    async with _world() as world:
        order: list[int] = []
        positions: list[int] = []

        async def run(number: int) -> None:
            async with world.manager.session(_RUN, _VM_TYPE, on_queued=positions.append):
                order.append(number)

        async with world.manager.session(_RUN, _VM_TYPE), anyio.create_task_group() as tasks:
            for number in range(3):
                tasks.start_soon(run, number)
                await anyio.wait_all_tasks_blocked()
            held = world.manager.sessions()[0]
            await world.manager.release_session(held, SessionState.COMPLETED)

        assert order == [0, 1, 2]
        assert positions == [1, 2, 3]


async def test_a_waiter_that_cannot_be_told_its_position_waits_no_more() -> None:
    """Nor does the release that would have let it in meet it."""

    def fail(_: int) -> None:
        raise RuntimeError("nobody to tell")

    async with _world() as world:
        async with world.manager.session(_RUN, _VM_TYPE):
            with pytest.raises(RuntimeError, match="nobody to tell"):
                await world.manager.create_session(_RUN, _VM_TYPE, on_queued=fail)
            assert world.manager.statistics().waiting == 0

        assert world.manager.statistics().admitted == 0


async def test_an_idle_session_is_ended_when_its_timeout_is_over_and_not_before() -> None:
    async with _world(SessionLimits(idle_timeout_s=60.0)) as world:
        session = await world.manager.create_session(_RUN, _VM_TYPE)
        await world.clock.advance_s(59.0)
        assert _state(session) is SessionState.ACTIVE
        await world.clock.advance_s(1.0)

        assert _state(session) is SessionState.RELEASED
        with pytest.raises(SessionExpired):
            async with _executing(session):
                pass


async def test_use_puts_the_idle_timeout_off() -> None:
    async with _world(SessionLimits(idle_timeout_s=60.0)) as world:
        session = await world.manager.create_session(_RUN, _VM_TYPE)
        await world.clock.advance_s(59.0)
        async with _executing(session) as execution:
            await execution.wait()
        await world.clock.advance_s(59.0)
        assert _state(session) is SessionState.ACTIVE
        await world.clock.advance_s(1.0)

        assert _state(session) is SessionState.RELEASED


async def test_a_session_that_is_executing_is_never_timed_out() -> None:
    async with _world(SessionLimits(idle_timeout_s=60.0), is_endless=True) as world:
        session = await world.manager.create_session(_RUN, _VM_TYPE)
        async with _executing(session) as execution:
            await world.clock.advance_s(10_000.0)
            assert _state(session) is SessionState.EXECUTING
            await execution.signal(15)

        assert _state(session) is SessionState.ACTIVE


async def test_p3_what_a_dead_runner_held_is_released_by_the_next_one() -> None:
    world = _World(SessionLimits())
    world.ledger.dead_owners.add("crashed")
    _append(world, "crashed", "s-held", LedgerEvent.ALLOCATED, VmId(4, 2))
    _append(world, "crashed", "s-asking", LedgerEvent.REQUESTED, None)
    _append(world, "living", "s-other", LedgerEvent.ALLOCATED, VmId(5, 1))
    async with world.provider, world.manager:
        pass

    last = {str(entry.session_id): entry.event for entry in world.ledger.entries()}
    assert last["s-held"] is LedgerEvent.RELEASED
    assert last["s-asking"] is LedgerEvent.ALLOCATION_FAILED
    assert last["s-other"] is LedgerEvent.ALLOCATED


async def test_p3_a_dead_runners_vm_that_cannot_be_released_stays_owed() -> None:
    world = _World(SessionLimits())
    world.ledger.dead_owners.add("crashed")
    _append(world, "crashed", "s-held", LedgerEvent.ALLOCATED, VmId(4, 2))
    world.provider.faults.on_release.append(InfraError("stuck"))
    async with world.provider:
        async with world.manager:
            assert world.ledger.entries()[-1].event is LedgerEvent.RELEASE_FAILED

        assert await world.manager.reconcile() == [VmId(4, 2)]
        assert await world.manager.reconcile() == []


def _state(session: Session) -> SessionState:
    """Ask again: the type checker takes a property that was compared once for unchanging."""
    return session.state


def _append(world: _World, owner: str, session: str, event: LedgerEvent, vm_id: VmId | None) -> None:
    world.ledger.append(
        LedgerEntry(
            at=world.clock.now(),
            event=event,
            session_id=SessionId(session),
            run_id=_RUN,
            provider="memory",
            owner=owner,
            vm_id=vm_id,
        )
    )
