"""The product's side: the real provider, by its real wiring, and what is timed on it."""

from __future__ import annotations

from contextlib import AsyncExitStack, ExitStack, asynccontextmanager
from dataclasses import replace
from time import perf_counter
from typing import TYPE_CHECKING, Self

from terraphim_runner.adapters.qemu.config import BootSetting
from terraphim_runner.adapters.qemu.machine import run_machine
from terraphim_runner.adapters.qemu.parts import Blueprint, new_mailbox, new_overlay, power_on_parts
from terraphim_runner.adapters.qemu.provider import QemuProvider
from terraphim_runner.adapters.qemu.slot import Slots
from terraphim_runner.adapters.system_clock import SystemClock
from terraphim_runner.link.guest_link import LinkSettings
from terraphim_runner.ports.vm import AllocationRequest, Command, RootSpec
from terraphim_runner.wiring.qemu import image_store, qemu_config

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from types import TracebackType

    from terraphim_runner.adapters.qemu.config import QemuConfig
    from terraphim_runner.adapters.qemu.host import Host
    from terraphim_runner.ports.image import Image
    from terraphim_runner.ports.vm import Vm, VmProvider
    from terraphim_runner.settings.model import Settings

_ECHO = Command(("/bin/echo", "hello"), env={"PATH": "/usr/bin:/bin"})


class Product:
    """Two providers on one state directory: one that clones its template, one that always boots."""

    def __init__(self, settings: Settings) -> None:
        """Measure what these settings give."""
        self.settings = settings
        self.clock = SystemClock()
        self.vm_type = settings.vm_type("default")
        self.image: Image = image_store(settings).find(self.vm_type.image)
        self._request = AllocationRequest(self.vm_type)
        self._config = qemu_config(settings)
        self._cloning = self._make_provider(self._config)
        self._booting = self._make_provider(replace(self._config, boot=BootSetting.ALWAYS))
        self._stack = AsyncExitStack()

    async def __aenter__(self) -> Self:
        """Enter both, and have the template made if there is none."""
        async with AsyncExitStack() as stack:
            await stack.enter_async_context(self._cloning)
            await stack.enter_async_context(self._booting)
            await self.restore_s()
            self._stack = stack.pop_all()
        return self

    async def __aexit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Leave both."""
        await self._stack.__aexit__(exc_type, exc, traceback)

    @property
    def provider(self) -> VmProvider:
        """The provider that clones its template."""
        return self._cloning

    @property
    def host(self) -> Host:
        """What the provider found out about this machine."""
        return self._cloning.host

    async def boot_s(self) -> float:
        """Time a cold boot from the first file that is made to an agent that answers."""
        blueprint = Blueprint(self.host, self.image, self.vm_type)
        slot = await Slots(self._config.state_dir / "slots" / "qemu").acquire()
        try:
            async with AsyncExitStack() as stack:
                files = stack.enter_context(ExitStack())
                started_s = perf_counter()
                mailbox, overlay = (
                    new_mailbox(files, slot.path),
                    new_overlay(files, slot.path, blueprint.disk_size),
                )
                with power_on_parts(blueprint, mailbox, overlay) as parts:
                    machine = await stack.enter_async_context(run_machine(self.host, slot, parts, LinkSettings()))
                await machine.shake_hands()
                return perf_counter() - started_s
        finally:
            await slot.wipe()
            slot.free()

    async def restore_s(self) -> float:
        """Time an allocation from the template and a command in it, up to its first output."""
        started_s = perf_counter()
        async with self.vm() as vm, vm.exec(_ECHO) as execution:
            await anext(aiter(execution))
            return perf_counter() - started_s

    async def root_s(self) -> float:
        """Time the making of a job's root, the first in its VM, up to where a command can be started."""
        async with self.vm() as vm:
            started_s = perf_counter()
            async with vm.open_root(RootSpec("job")):
                return perf_counter() - started_s

    async def allocate_s(self) -> float:
        """Time an allocation from the template."""
        return await self._allocation_s(self._cloning)

    async def allocate_booting_s(self) -> float:
        """Time an allocation that boots."""
        return await self._allocation_s(self._booting)

    @asynccontextmanager
    async def vm(self) -> AsyncIterator[Vm]:
        """Hold a clone."""
        allocation = await self._cloning.allocate(self._request)
        try:
            yield allocation.vm
        finally:
            await self._cloning.release(allocation.vm.id)

    async def _allocation_s(self, provider: VmProvider) -> float:
        started_s = perf_counter()
        allocation = await provider.allocate(self._request)
        elapsed_s = perf_counter() - started_s
        await provider.release(allocation.vm.id)
        return elapsed_s

    def _make_provider(self, config: QemuConfig) -> QemuProvider:
        return QemuProvider(config, image_store(self.settings), self.clock)
