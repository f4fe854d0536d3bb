"""The scripted provider."""

from __future__ import annotations

import itertools
from collections import Counter, deque
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Self

import anyio
import anyio.lowlevel

from terraphim_runner.adapters.memory.vm import MemoryVm, Script, succeed
from terraphim_runner.domain.errors import InfraError, MachineLost, StateError
from terraphim_runner.domain.ident import VmId
from terraphim_runner.ports.vm import Allocation, AllocationSource

if TYPE_CHECKING:
    from collections.abc import Sequence
    from types import TracebackType

    from anyio.abc import TaskGroup

    from terraphim_runner.domain.usage import VmUsage
    from terraphim_runner.ports.clock import Clock
    from terraphim_runner.ports.vm import AllocationRequest, SlotWish


@dataclass(slots=True)
class Faults:
    """What goes wrong: each error is raised once, by the next call."""

    on_allocate: deque[Exception] = field(default_factory=deque)  # or prepare
    on_activate: deque[Exception] = field(default_factory=deque)
    on_release: deque[Exception] = field(default_factory=deque)


class MemoryPreparedVm:
    """A fake VM that nobody has yet."""

    def __init__(self, vm: MemoryVm, faults: Faults) -> None:
        """Wait with `vm`."""
        self._vm = vm
        self._faults = faults

    @property
    def id(self) -> VmId:
        """Which VM this is."""
        return self._vm.id

    async def activate(self) -> MemoryVm:
        """Give the VM."""
        await anyio.lowlevel.checkpoint()
        if self._faults.on_activate:
            raise self._faults.on_activate.popleft()
        self._vm.check()
        return self._vm

    async def wait_lost(self) -> InfraError:
        """Wait until the VM is lost."""
        await self._vm.lost.wait()
        return MachineLost()


class MemoryProvider:
    """A `VmPreparer` that keeps every promise of the contract and runs nothing."""

    name = "memory"

    def __init__(self, clock: Clock, script: Script = succeed, *, allocation_s: float = 0.0) -> None:
        """Answer commands by `script`; take `allocation_s` of the clock's time to allocate."""
        self.directories_s = 0.0  # what making directories takes of the clock's time in VMs made from now on
        self._clock = clock
        self._script = script
        self._allocation_s = allocation_s
        self._stack = AsyncExitStack()
        self._tasks: TaskGroup | None = None
        self._generations: Counter[int] = Counter()
        self._held: dict[int, MemoryVm] = {}
        self.faults = Faults()
        self.vm_usage: VmUsage | None = None  # what every VM is said to have used
        self.vms: list[MemoryVm] = []  # every VM there ever was, for tests to look at

    async def __aenter__(self) -> Self:
        """Start the tasks that scripted commands run in."""
        self._tasks = await self._stack.enter_async_context(anyio.create_task_group())
        self._stack.callback(self._tasks.cancel_scope.cancel)
        return self

    async def __aexit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Release what is held."""
        for vm in list(self._held.values()):
            await self.release(vm.id)
        await self._stack.aclose()

    async def allocate(self, request: AllocationRequest) -> Allocation:
        """Make a fake VM in the slot that is wished for, or the lowest free one."""
        started_s = self._clock.monotonic_s()
        vm = await self._make(request.wish)
        return Allocation(
            vm=vm,
            source=AllocationSource.RESTORED,
            is_reused_slot=vm.id.generation > 1,
            duration_s=self._clock.monotonic_s() - started_s,
        )

    async def prepare(self, request: AllocationRequest) -> MemoryPreparedVm:
        """Make a fake VM for later."""
        return MemoryPreparedVm(await self._make(request.wish), self.faults)

    async def sweep(self) -> None:
        """Do nothing: nothing outlives the process."""

    async def release(self, vm_id: VmId) -> None:
        """Forget a VM."""
        await anyio.lowlevel.checkpoint()
        if self.faults.on_release:
            raise self.faults.on_release.popleft()
        vm = self._held.get(vm_id.slot)
        if vm is not None and vm.id == vm_id:
            vm.lose()
            del self._held[vm_id.slot]

    async def usage(self, vm_id: VmId) -> VmUsage | None:
        """Tell what it was told to tell of a VM that is held."""
        await anyio.lowlevel.checkpoint()
        return self.vm_usage if any(vm.id == vm_id for vm in self._held.values()) else None

    async def held_vms(self) -> Sequence[VmId]:
        """List what is held."""
        await anyio.lowlevel.checkpoint()
        return [vm.id for vm in self._held.values()]

    async def _make(self, wish: SlotWish) -> MemoryVm:
        await self._clock.sleep_s(self._allocation_s)
        if self.faults.on_allocate:
            raise self.faults.on_allocate.popleft()
        return self._occupy_slot(wish)

    def _occupy_slot(self, wish: SlotWish) -> MemoryVm:
        if self._tasks is None:
            raise StateError("allocate() before the provider was entered")
        numbers = itertools.count(1) if wish.prefer is None else itertools.chain([wish.prefer], itertools.count(1))
        slot = next(number for number in numbers if number not in self._held and number not in wish.avoid)
        self._generations[slot] += 1
        vm_id = VmId(slot, self._generations[slot])
        vm = MemoryVm(vm_id, self._script, self._clock, self._tasks, directories_s=self.directories_s)
        self._held[slot] = vm
        self.vms.append(vm)
        return vm
