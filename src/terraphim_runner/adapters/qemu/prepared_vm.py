"""A clone that waits, paused, for somebody to need it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from terraphim_runner.adapters.qemu import guest_setup
from terraphim_runner.adapters.qemu.tenancy import restore_errors

if TYPE_CHECKING:
    from terraphim_runner.adapters.qemu.monitor import Monitor
    from terraphim_runner.adapters.qemu.vmm import Vmm
    from terraphim_runner.domain.errors import InfraError
    from terraphim_runner.domain.ident import VmId
    from terraphim_runner.link.link_vm import LinkVm
    from terraphim_runner.ports.clock import Clock


class QemuPreparedVm:
    """Implements `ports.preparation.PreparedVm`.

    Its randomness and machine id have been its own since it was cloned, and nothing is cloned from it: waking it
    only takes the time of day.
    """

    def __init__(self, vm: LinkVm, vmm: tuple[Vmm, Monitor], clock: Clock, timeout_s: float) -> None:
        """Take a clone that runs; `pause` it before anybody else gets it."""
        self._vm = vm
        self._vmm, self._monitor = vmm
        self._clock = clock
        self._timeout_s = timeout_s

    @property
    def id(self) -> VmId:
        """Which VM this is."""
        return self._vm.id

    async def pause(self) -> None:
        """Warm up what the first command needs, then stop the processors.

        Raises:
            RestoreFailed: it cannot be used, or does not do it in time.
        """
        async with restore_errors(self._vmm, self._timeout_s):
            await guest_setup.warm_up_clone(self._vm.link, self._clock)
            self._vm.link.pause_heart()
            await self._monitor.pause()

    async def activate(self) -> LinkVm:
        """Let the processors run, and tell the time; nobody else can ask anything of it before."""
        async with restore_errors(self._vmm, self._timeout_s):
            await self._monitor.resume()
            await guest_setup.set_clock(self._vm.link, self._clock)
        self._vm.link.resume_heart()
        return self._vm

    async def wait_lost(self) -> InfraError:
        """Wait until the VMM or the link is gone."""
        return await self._vm.link.wait_lost()
