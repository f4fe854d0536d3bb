"""Make a template: boot the image, prepare the guest, freeze it."""

from __future__ import annotations

import os
import shutil
from contextlib import AsyncExitStack, ExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from anyio import to_thread

from terraphim_runner.adapters.qemu import guest_setup, memory
from terraphim_runner.adapters.qemu.disk import host_files, write_sparse
from terraphim_runner.adapters.qemu.machine import run_machine
from terraphim_runner.adapters.qemu.mailbox import Mailbox
from terraphim_runner.adapters.qemu.monitor import open_monitor
from terraphim_runner.adapters.qemu.parts import new_mailbox, power_on_parts
from terraphim_runner.adapters.qemu.qcow2 import blank_overlay
from terraphim_runner.adapters.qemu.template_store import DEVICE_STATE, DISK, MEMORY, FrozenGuest
from terraphim_runner.domain.errors import BootTimeout
from terraphim_runner.link.guest_link import LinkSettings
from terraphim_runner.link.patience import fail_after_running
from terraphim_runner.link.root import prepare_roots
from terraphim_runner.link.single_error import single_error
from terraphim_runner.ports.vm import Tree, TreePlacement

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from terraphim_runner.adapters.qemu.parts import Blueprint, Parts
    from terraphim_runner.adapters.qemu.slot import Slot
    from terraphim_runner.adapters.qemu.vmm import Vmm
    from terraphim_runner.link.guest_link import GuestLink
    from terraphim_runner.ports.clock import Clock

_WARM_UP_TREE = "/var/tmp/warm-up"  # noqa: S108 - in the guest, which nobody else uses yet
_NEVER_S = 3600.0  # a heartbeat in flight must not be frozen
_PREPARATION_S = 120.0  # ten times what it takes


@dataclass(frozen=True, slots=True)
class TemplateBuilder:
    """Makes the template of one VM type into a directory."""

    blueprint: Blueprint
    slot: Slot
    scratch: Path
    clock: Clock

    async def build(self) -> FrozenGuest:
        """Write memory, device state and disk; tell what the clones' hosts must know.

        Raises:
            HostError: no room, or the host cannot run it.
            BootTimeout: the machine hangs, at its boot or later.
            InfraError: the machine did not boot or could not be frozen.
        """
        size = self.blueprint.vm_type.memory_mib << 20
        with ExitStack() as stack, host_files("a template"):
            memory_fd = memory.create("template", size)
            stack.callback(os.close, memory_fd)
            overlay = self._create(stack, DISK)
            write_sparse(overlay, blank_overlay(self.blueprint.disk_size))
            mailbox = new_mailbox(stack, self.slot.path)
            with power_on_parts(self.blueprint, mailbox, overlay, memory_fd) as parts:
                guest = await self._freeze(parts, mailbox, self._create(stack, DEVICE_STATE))
            await to_thread.run_sync(memory.save, memory_fd, self._create(stack, MEMORY))
        return guest

    async def _freeze(self, parts: Parts, mailbox: int, state_fd: int) -> FrozenGuest:
        host = self.blueprint.host
        settings = LinkSettings(handshake_timeout_s=host.config.boot_timeout_s, heartbeat_interval_s=_NEVER_S)
        with single_error():
            async with AsyncExitStack() as stack:
                machine = await stack.enter_async_context(run_machine(host, self.slot, parts, settings))
                await machine.shake_hands()
                async with _preparation(machine.vmm):
                    monitor = await stack.enter_async_context(open_monitor(machine.qmp))
                    environment = await self._prepare(machine.link, Mailbox(mailbox, self.slot.path))
                    await guest_setup.settle(machine.link, self.clock)
                    guest = FrozenGuest(environment, machine.link.conversation)
                    await monitor.save(state_fd)
                return guest

    async def _prepare(self, link: GuestLink, mailbox: Mailbox) -> dict[str, str]:
        await guest_setup.grow_root(link)
        environment = await guest_setup.read_environment(link)
        await guest_setup.warm_up(link)
        await guest_setup.make_unique(link, self.clock)  # a rehearsal: each clone does it with secrets of its own
        if shutil.which("mksquashfs"):
            tree = Tree(Path(__file__).parent, (Path(__file__).name,))
            await mailbox.ship(link, tree, TreePlacement(_WARM_UP_TREE, "runner"))
            await mailbox.release(link)
            await guest_setup.run_script(link, "root", f"rmdir {_WARM_UP_TREE}")
        await prepare_roots(link, self.blueprint.vm_type.cpus)  # so many jobs run at once
        return environment

    def _create(self, stack: ExitStack, name: str) -> int:
        fd = os.open(self.scratch / name, os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
        stack.callback(os.close, fd)
        return fd


@asynccontextmanager
async def _preparation(vmm: Vmm) -> AsyncIterator[None]:
    """See that it ends: no heartbeat tells here that the guest hangs, and nothing ever that the VMM does."""
    try:
        async with fail_after_running(_PREPARATION_S, vmm.stall):
            yield
    except TimeoutError as exc:
        raise BootTimeout(f"the machine hung while it was prepared; {vmm.evidence}") from exc
