"""The shell: what is observed, what is told, what is left."""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import anyio
import pytest

from terraphim_runner.adapters.memory.clock import ManualClock
from terraphim_runner.adapters.memory.provider import MemoryProvider
from terraphim_runner.domain.budget import Budget
from terraphim_runner.domain.errors import MachineLost, RestoreFailed
from terraphim_runner.domain.vm_type import VmType
from terraphim_runner.pool.limits import PoolLimits
from terraphim_runner.pool.observer import Happening
from terraphim_runner.pool.pool import VmPool
from terraphim_runner.ports.vm import AllocationRequest, AllocationSource

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

pytestmark = pytest.mark.anyio

VM_TYPE = VmType("small", "image", cpus=1, memory_mib=100, disk_mib=1)
REQUEST = AllocationRequest(VM_TYPE, "run-1")


class World:
    """A pool of fakes, and what was observed of it."""

    def __init__(self, min_idle: int) -> None:
        self.clock = ManualClock()
        self.provider = MemoryProvider(self.clock, allocation_s=1.0)
        self.seen: list[Happening] = []
        limits = PoolLimits(budget=Budget(10, 1000), max_total=3, max_starting=3, min_idle={VM_TYPE: min_idle})
        self.pool = VmPool(self.provider, self.clock, limits, lambda happening, _: self.seen.append(happening))

    def states(self) -> list[str]:
        return [place.state for place in self.pool.status().places]


@asynccontextmanager
async def a_pool(min_idle: int) -> AsyncIterator[World]:
    world = World(min_idle)
    async with world.pool:
        await world.clock.advance_s(2.0)
        yield world
    assert await world.provider.held_vms() == []


async def test_a_request_with_an_idle_vm_is_a_hit_that_takes_no_time() -> None:
    """The VM is shown with who has it."""
    async with a_pool(1) as world:
        allocation = await world.pool.allocate(REQUEST)

        (held,) = [place for place in world.pool.status().places if place.state == "held"]
        assert (allocation.source, allocation.duration_s) == (AllocationSource.WARM, 0.0)
        assert (held.vm_id, held.holder) == (str(allocation.vm.id), "run-1")
        assert world.seen == [Happening.HIT]


async def test_a_request_without_one_is_a_miss_that_takes_a_restore() -> None:
    """It is counted where it happens."""
    async with a_pool(0) as world, anyio.create_task_group() as tasks:
        found = []

        async def ask() -> None:
            found.append(await world.pool.allocate(REQUEST))

        tasks.start_soon(ask)
        await world.clock.advance_s(2.0)

        assert [(each.source, each.duration_s) for each in found] == [(AllocationSource.RESTORED, 1.0)]
        assert world.seen == [Happening.MISS]


async def test_an_idle_vm_that_does_not_wake_costs_its_request_a_restore_and_nothing_else() -> None:
    """The health check before the hand-out: nobody gets the dead one."""
    async with a_pool(1) as world, anyio.create_task_group() as tasks:
        world.provider.faults.on_activate.append(MachineLost())
        found = []

        async def ask() -> None:
            found.append(await world.pool.allocate(REQUEST))

        tasks.start_soon(ask)
        await world.clock.advance_s(3.0)

        assert len(found) == 1
        assert found[0].vm.id != world.provider.vms[0].id
        assert world.provider.vms[0].lost.is_set()
        assert world.seen[0] is Happening.UNFIT


async def test_an_idle_vm_that_dies_is_replaced_before_anybody_asks() -> None:
    """The idle minimum holds."""
    async with a_pool(1) as world:
        world.provider.vms[0].lose()
        await world.clock.advance_s(2.0)

        assert world.seen == [Happening.UNFIT]
        assert world.states() == ["idle"]
        assert not world.provider.vms[-1].lost.is_set()


async def test_a_failed_restore_is_told_to_its_request() -> None:
    """As the provider told it."""
    async with a_pool(0) as world, anyio.create_task_group() as tasks:
        world.provider.faults.on_allocate.append(RestoreFailed("no luck"))

        async def ask() -> None:
            with pytest.raises(RestoreFailed, match="no luck"):
                await world.pool.allocate(REQUEST)

        tasks.start_soon(ask)
        await world.clock.advance_s(2.0)

        assert world.seen == [Happening.RESTORE_FAILED]
        assert world.states() == []


async def test_whatever_goes_wrong_with_a_vm_the_pool_goes_on() -> None:
    """Also where a provider raises what it never should: one action has failed, and is tried again."""
    async with a_pool(0) as world:
        world.provider.faults.on_allocate.append(ExceptionGroup("two at once", [MachineLost(), KeyError("bug")]))
        world.pool.warm(VM_TYPE, 1)
        await world.clock.advance_s(30.0)

        assert world.seen == [Happening.RESTORE_FAILED]
        assert world.states() == ["idle"]


async def test_a_release_returns_when_the_vm_is_gone_and_its_slot_is_filled_afterwards() -> None:
    """P3: whoever releases waits for the end of the VM, and for nothing else."""
    async with a_pool(1) as world:
        first = (await world.pool.allocate(REQUEST)).vm.id
        await world.clock.advance_s(2.0)
        await world.pool.allocate(REQUEST)
        before_s = world.clock.monotonic_s()
        await world.pool.release(first)

        assert world.clock.monotonic_s() == before_s
        assert first not in await world.provider.held_vms()
        await world.clock.advance_s(2.0)
        assert str(type(first)(first.slot, 2)) in [place.vm_id for place in world.pool.status().places]
