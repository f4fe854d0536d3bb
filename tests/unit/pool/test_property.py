"""Any interleaving of requests, releases, failures, time, cancellation and restarts keeps the pool's promises.

The real planner and shell, the real session manager, the scripted provider. Hypothesis draws the interleavings.
"""

from __future__ import annotations

import os
from collections import Counter
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import anyio
import anyio.lowlevel
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from terraphim_runner.adapters.memory.clock import ManualClock, wait_quiet
from terraphim_runner.adapters.memory.ledger import MemoryLedger
from terraphim_runner.adapters.memory.provider import MemoryProvider
from terraphim_runner.domain.budget import Budget
from terraphim_runner.domain.errors import InfraError, MachineLost, RestoreFailed, RunnerError, SessionRefused
from terraphim_runner.domain.ident import RunId
from terraphim_runner.domain.state import SessionState
from terraphim_runner.domain.vm_type import VmType
from terraphim_runner.pool.limits import PoolLimits, Reuse, Strategy
from terraphim_runner.pool.pool import VmPool
from terraphim_runner.ports.ledger import LedgerEvent
from terraphim_runner.session.manager import SessionLimits, SessionManager

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    from terraphim_runner.domain.ident import VmId
    from terraphim_runner.session.session import Session

SMALL = VmType("small", "image", cpus=1, memory_mib=100, disk_mib=1)
LARGE = VmType("large", "image", cpus=2, memory_mib=250, disk_mib=1)
MAX_AGE_S = 50.0
EXAMPLES = int(os.environ.get("POOL_EXAMPLES", "300"))


@dataclass
class Request:
    """One run's wish for a session."""

    number: int
    vm_type: VmType
    scope: anyio.CancelScope = field(default_factory=anyio.CancelScope)
    session: Session | None = None
    is_over: bool = False
    error: RunnerError | None = None


class World:
    """A pool, who asks it, and everything that was ever seen."""

    def __init__(self, limits: PoolLimits, ledger: MemoryLedger | None = None) -> None:
        self.limits = limits
        self.clock = ManualClock()
        self.ledger = ledger or MemoryLedger("first")
        self.provider = MemoryProvider(self.clock, allocation_s=1.0)
        self.pool = VmPool(self.provider, self.clock, limits)
        self.manager = SessionManager(
            self.pool, self.ledger, self.clock, SessionLimits(max_concurrent_sessions=100, idle_timeout_s=1e9)
        )
        self.requests: list[Request] = []
        self.handed_out: list[VmId] = []
        self.served: list[Request] = []
        self.stack = AsyncExitStack()

    async def open(self) -> None:
        await self.stack.enter_async_context(self.pool)
        await self.stack.enter_async_context(self.manager)
        self.tasks = await self.stack.enter_async_context(anyio.create_task_group())

    def ask(self, vm_type: VmType) -> None:
        request = Request(len(self.requests), vm_type)
        self.requests.append(request)
        self.tasks.start_soon(self._hold, request)

    async def _hold(self, request: Request) -> None:
        with request.scope:
            try:
                request.session = await self.manager.create_session(
                    RunId(f"run-{request.number}"), request.vm_type
                )
            except RunnerError as error:
                request.error = error
            else:
                self.handed_out.append(request.session.vm_id)
                self.served.append(request)
        request.is_over = request.session is None

    def waiting(self) -> list[Request]:
        return [r for r in self.requests if r.session is None and not r.is_over]

    def holding(self) -> list[Request]:
        return [r for r in self.requests if r.session is not None and not r.is_over]

    async def release(self, request: Request) -> None:
        if request.session is None:
            return
        try:
            await self.manager.release_session(request.session, SessionState.COMPLETED)
            request.is_over = True
        except InfraError:
            pass  # the manager keeps it; a later release tries again

    async def check(self) -> None:
        """What must hold at every instant."""
        places = self.pool.status().places
        types = {t.name: t for t in (SMALL, LARGE)}
        made = await self.provider.held_vms()
        running = [types[p.vm_type].cpus for p in places if p.state not in {"idle", "ending"} or p.holder]

        assert len(made) <= len(places) <= self.limits.max_total, "maximum in total"
        assert sum(types[p.vm_type].memory_mib for p in places) <= self.limits.budget.memory_mib, "memory"
        assert sum(running) <= self.limits.budget.cpus, "processors"
        assert set(made) <= {vm.id for vm in self.provider.vms if any(p.vm_id == str(vm.id) for p in places)}
        assert sum(p.state in {"preparing", "restoring"} for p in places) <= self.limits.max_starting, "stampede"
        assert len(self.handed_out) == len(set(self.handed_out)), "a VM was handed out twice"
        slots = [r.session.vm_id.slot for r in self.holding() if r.session]
        assert len(slots) == len(set(slots)), "a slot is held twice"
        lost = {str(vm.id) for vm in self.provider.vms if vm.lost.is_set()}
        assert not any(p.vm_id in lost for p in places if p.state == "idle"), "a dead VM is kept for idle"
        assert all(p.age_s < MAX_AGE_S for p in places if p.state == "idle"), "too old"
        if self.limits.reuse is Reuse.NEVER:
            used = [vm_id.slot for vm_id in self.handed_out]
            assert len(used) == len(set(used)), "a slot was used again"
        for vm_type in (SMALL, LARGE):
            order = [r.number for r in self.served if r.vm_type == vm_type]
            assert order == sorted(order), "served out of order"

    async def settle(self) -> None:
        """When nothing fails any more, everybody is served and the idle minimum is there again."""
        faults = self.provider.faults
        for each in (faults.on_allocate, faults.on_activate, faults.on_release):
            each.clear()
        for vm_type, count in self.limits.min_idle.items():
            self.pool.warm(vm_type, count)
        for _ in range(len(self.requests) + 2):
            for request in self.holding():
                await self.release(request)
            await self.clock.advance_s(5.0)
            await self.check()
        assert self.waiting() == [], "a request starved"
        await self.clock.advance_s(MAX_AGE_S)  # what was prepared for requests that were withdrawn ages out
        for _ in range(10):  # and what came of age is replaced
            if not self.pool.status().is_settled:
                await self.clock.advance_s(1.0)
        idle = Counter(p.vm_type for p in self.pool.status().places)
        assert idle == {t.name: count for t, count in self.limits.min_idle.items() if count}, "idle minimum"
        assert self.pool.status().is_settled

    async def close(self) -> None:
        await self.stack.aclose()
        assert await self.provider.held_vms() == []

    def check_ledger(self) -> None:
        """Every allocation has one release."""
        counts: dict[str, Counter[LedgerEvent]] = {}
        for entry in self.ledger.entries():
            counts.setdefault(entry.session_id, Counter())[entry.event] += 1
        for session, count in counts.items():
            assert count[LedgerEvent.REQUESTED] == 1, session
            assert count[LedgerEvent.ALLOCATED] == count[LedgerEvent.RELEASED], session
            assert count[LedgerEvent.ALLOCATED] + count[LedgerEvent.ALLOCATION_FAILED] == 1, session


Act = tuple[str, int]


async def play(limits: PoolLimits, acts: Sequence[Act]) -> None:
    world = World(limits)
    await world.open()
    for name, number in acts:
        if name == "restart":
            world = await _restart(world)
        else:
            await _ACTS[name](world, number)
        await wait_quiet()
        await world.check()
    await world.settle()
    await world.close()
    world.check_ledger()


async def _restart(world: World) -> World:
    """Die as by `kill -9`: what is in the ledger at this instant is all that the next one has."""
    entries, owner = list(world.ledger.entries()), world.ledger.owner
    for request in world.waiting():
        request.scope.cancel()
    for each in (world.provider.faults.on_release,):
        each.clear()
    await world.close()
    ledger = MemoryLedger(f"{owner}+")
    for entry in entries:
        ledger.append(entry)
    ledger.dead_owners |= world.ledger.dead_owners | {owner}
    following = World(world.limits, ledger)
    await following.open()
    return following


async def _ask(world: World, number: int) -> None:
    world.ask(LARGE if number % 4 == 3 else SMALL)


async def _release(world: World, number: int) -> None:
    if held := world.holding():
        await world.release(held[number % len(held)])


async def _cancel(world: World, number: int) -> None:
    if waiting := world.waiting():
        waiting[number % len(waiting)].scope.cancel()


async def _ask_and_cancel(world: World, number: int) -> None:
    world.ask(SMALL)
    for _ in range(number):  # at any moment of its being served
        await anyio.lowlevel.checkpoint()
    world.requests[-1].scope.cancel()
    await wait_quiet()
    if world.requests[-1].session is not None:
        await world.release(world.requests[-1])


async def _advance(world: World, number: int) -> None:
    await world.clock.advance_s((0.4, 1.0, 7.0, 60.0)[number % 4])


async def _fail(world: World, number: int) -> None:
    faults = world.provider.faults
    match number % 3:
        case 0:
            faults.on_allocate.append(RestoreFailed())
        case 1:
            faults.on_activate.append(MachineLost())
        case _:
            faults.on_release.extend([InfraError("stuck")] * (number % 5))


async def _kill(world: World, number: int) -> None:
    if alive := [vm for vm in world.provider.vms if not vm.lost.is_set()]:
        alive[number % len(alive)].lose()


async def _drain_or_warm(world: World, number: int) -> None:
    if number % 2:
        world.pool.drain()
    else:
        world.pool.warm(SMALL, 0)


_ACTS: dict[str, Callable[[World, int], Awaitable[None]]] = {
    "ask": _ask,
    "release": _release,
    "cancel": _cancel,
    "ask and cancel": _ask_and_cancel,
    "advance": _advance,
    "fail": _fail,
    "kill": _kill,
    "drain": _drain_or_warm,
}
_NAMES = [
    "ask",
    "ask",
    "ask",
    "release",
    "release",
    "advance",
    "advance",
    "cancel",
    "ask and cancel",
    "fail",
    "kill",
    "drain",
    "restart",
]

LIMITS = st.builds(
    PoolLimits,
    budget=st.builds(Budget, st.integers(2, 5).map(float), st.integers(250, 700).map(float)),
    max_total=st.integers(1, 5),
    max_starting=st.integers(1, 3),
    min_idle=st.sampled_from([{}, {SMALL: 1}, {SMALL: 2}, {SMALL: 1, LARGE: 1}]),
    max_age_s=st.just(MAX_AGE_S),
    longest_backoff_s=st.just(3.0),
    refill_delay_s=st.sampled_from([0.0, 0.3]),
    strategy=st.sampled_from(Strategy),
    reuse=st.sampled_from(Reuse),
)


def _has_room_for_idle(limits: PoolLimits) -> bool:
    total = sum(limits.min_idle.values())
    memory = sum(t.memory_mib * count for t, count in limits.min_idle.items())
    return total <= limits.max_total and memory <= limits.budget.memory_mib


@settings(max_examples=EXAMPLES, deadline=None, database=None, suppress_health_check=list(HealthCheck))
@given(
    LIMITS.filter(_has_room_for_idle),
    st.lists(st.tuples(st.sampled_from(_NAMES), st.integers(0, 11)), min_size=1, max_size=40),
)
def test_p3_p4_no_interleaving_breaks_a_promise(limits: PoolLimits, acts: list[Act]) -> None:
    """Limits hold, no slot is handed out twice, nobody starves, the idle minimum returns, all is released once."""
    anyio.run(play, limits, acts)


def test_a_refused_request_is_told_why() -> None:
    """A pool that is being drained takes nobody, and those who waited are told."""

    async def scenario() -> None:
        world = World(PoolLimits(budget=Budget(1, 100), max_total=1))
        await world.open()
        world.ask(SMALL)
        await world.clock.advance_s(2)
        world.ask(SMALL)
        await wait_quiet()
        world.pool.drain()
        await wait_quiet()
        assert isinstance(world.requests[1].error, SessionRefused)
        await world.release(world.requests[0])
        await world.close()

    anyio.run(scenario)
