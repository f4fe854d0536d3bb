"""The provider."""

from __future__ import annotations

from typing import TYPE_CHECKING, Self

import anyio

from terraphim_runner.adapters.qemu.config import BootSetting
from terraphim_runner.adapters.qemu.host import Host
from terraphim_runner.adapters.qemu.parts import Blueprint
from terraphim_runner.adapters.qemu.prepared_vm import QemuPreparedVm
from terraphim_runner.adapters.qemu.slot import Slots
from terraphim_runner.adapters.qemu.template_shelf import TemplateShelf
from terraphim_runner.adapters.qemu.tenancy import Tenancy
from terraphim_runner.domain.errors import RestoreFailed, StateError
from terraphim_runner.egress.gate import Gates
from terraphim_runner.ports.vm import Allocation, AllocationSource

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path
    from types import TracebackType

    from anyio.abc import TaskGroup

    from terraphim_runner.adapters.qemu.config import QemuConfig
    from terraphim_runner.adapters.qemu.slot import Slot
    from terraphim_runner.adapters.qemu.template_store import Template
    from terraphim_runner.domain.ident import VmId
    from terraphim_runner.domain.usage import VmUsage
    from terraphim_runner.link.link_vm import LinkVm
    from terraphim_runner.ports.clock import Clock
    from terraphim_runner.ports.image import ImageStore
    from terraphim_runner.ports.vm import AllocationRequest, SlotWish


class QemuProvider:
    """Implements `ports.preparation.VmPreparer` with QEMU microvm machines, cloned from templates.

    A clone that does not come up is tried once more, in another slot; then the template is removed, so that the
    next allocation makes a new one. Nothing falls back to a cold boot by itself.
    """

    name = "qemu"

    def __init__(
        self, config: QemuConfig, images: ImageStore, clock: Clock, inform: Callable[[str], None] = lambda _: None
    ) -> None:
        """Take settings, a way to find images, time, and whom to tell what takes long."""
        self._config = config
        self._images = images
        self._clock = clock
        self._inform = inform
        root = config.state_dir / "slots"
        self._slots = Slots(root / "qemu")
        self.templates = TemplateShelf(config.data_dir / "templates", Slots(root / "qemu-template"), clock, inform)
        self._held: dict[VmId, Tenancy] = {}
        self._gates = Gates(config.state_dir / "egress", clock, config.exceptions)
        self._host: Host | None = None
        self._tasks: TaskGroup | None = None

    @property
    def host(self) -> Host:
        """What was found out about this machine: accelerator, reason, control groups."""
        if self._host is None:
            raise StateError("the provider was not entered")
        return self._host

    async def __aenter__(self) -> Self:
        """Examine the host."""
        self._host = await Host.examine(self._config)
        if exposure := self._host.choice.findings.exposure:
            self._inform(f"VMMs see the files of this machine that their user may read: {exposure}")
        self._tasks = anyio.create_task_group()
        await self._tasks.__aenter__()
        self._gates.start(self._tasks)
        return self

    async def __aexit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Release every VM still held."""
        tasks, self._tasks = self._running_tasks(), None
        tasks.cancel_scope.shield = True
        tasks.cancel_scope.cancel()  # each VM's own task then leaves nothing of it
        await tasks.__aexit__(None, None, None)
        self._held.clear()
        self._gates.close()
        self.templates.close()
        self.host.cgroups.remove_parents()

    async def allocate(self, request: AllocationRequest) -> Allocation:
        """Clone a VM of the type's template, or boot one if the setting says so."""
        started_s = self._clock.monotonic_s()
        vm, source = await self._make(request)
        return Allocation(vm, source, vm.id.generation > 1, self._clock.monotonic_s() - started_s)

    async def prepare(self, request: AllocationRequest) -> QemuPreparedVm:
        """Make a VM as `allocate` does, warm it up and stop its processors."""
        vm, _ = await self._make(request)
        prepared = QemuPreparedVm(vm, self._held[vm.id].vmm, self._clock, self._config.restore_timeout_s)
        try:
            await prepared.pause()
        except BaseException:
            with anyio.CancelScope(shield=True):
                await self.release(vm.id)
            raise
        return prepared

    async def sweep(self) -> None:
        """Wipe the slots that nobody has."""
        await self._slots.sweep()

    async def release(self, vm_id: VmId) -> None:
        """Destroy a VM and free its slot."""
        tenancy = self._held.get(vm_id)
        if tenancy is not None:
            is_clean = await tenancy.release(self._config.release_timeout_s)
            self._held.pop(vm_id, None)
            if is_clean:
                return
        await self._slots.reclaim(vm_id)  # as often as it takes

    async def held_vms(self) -> Sequence[VmId]:
        """List what is held."""
        return list(self._held)

    async def usage(self, vm_id: VmId) -> VmUsage | None:
        """Tell what a VM used; see `ports.usage`."""
        tenancy = self._held.get(vm_id)
        return None if tenancy is None else await tenancy.usage()

    def slot_dir(self, vm_id: VmId) -> Path:
        """Tell where the files of a VM's slot are: its lock, generation, VMM's pid, console log."""
        return self._slots.directory(vm_id.slot)

    async def _make(self, request: AllocationRequest) -> tuple[LinkVm, AllocationSource]:
        blueprint = Blueprint(self.host, self._images.find(request.vm_type.image), request.vm_type)
        wish = request.wish
        if self._config.boot is BootSetting.ALWAYS:
            slot = await self._slots.acquire(prefer=wish.prefer, avoid=wish.avoid)
            return await self._start(blueprint, slot, None), AllocationSource.BOOTED
        return await self._clone(blueprint, wish), AllocationSource.RESTORED

    async def _clone(self, blueprint: Blueprint, wish: SlotWish) -> LinkVm:
        async with self.templates.lend(blueprint) as template:
            slot = await self._slots.acquire(prefer=wish.prefer, avoid=wish.avoid)
            try:
                return await self._start(blueprint, slot, template)
            except RestoreFailed:
                slot = await self._slots.acquire(avoid={slot.number, *wish.avoid})
            try:
                return await self._start(blueprint, slot, template)
            except RestoreFailed:
                await self.templates.discard(blueprint, template)
                raise

    async def _start(self, blueprint: Blueprint, slot: Slot, template: Template | None) -> LinkVm:
        tenancy = Tenancy(blueprint, slot, self._clock, self._gates)
        try:
            vm: LinkVm = await self._running_tasks().start(tenancy.run, template)
        except BaseException:
            slot.free()  # for a task that was cancelled before its first step
            raise
        self._held[vm.id] = tenancy
        return vm

    def _running_tasks(self) -> TaskGroup:
        if self._tasks is None:
            raise StateError("the provider was not entered, or was left")
        return self._tasks
