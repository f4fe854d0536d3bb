"""A clone that waits, paused, for somebody to need it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import anyio

from terraphim_runner.adapters.qemu import guest_setup
from terraphim_runner.domain.errors import RestoreFailed
from terraphim_runner.link.single_error import single_error

if TYPE_CHECKING:
    from terraphim_runner.adapters.qemu.monitor import Monitor
    from terraphim_runner.domain.errors import InfraError
    from terraphim_runner.domain.ident import VmId
    from terraphim_runner.link.link_vm import LinkVm
    from terraphim_runner.ports.clock import Clock


class QemuPreparedVm:
    """Implements `ports.preparation.PreparedVm`.

    Its randomness and machine id have been its own since it was cloned, and nothing is cloned from it: waking it
    only takes the time of day.
    """

    def __init__(self, vm: LinkVm, monitor: Monitor, clock: Clock, timeout_s: float) -> None:
        """Take a clone that runs; `pause` it before anybody else gets it."""
        self._vm = vm
        self._monitor = monitor
        self._clock = clock
        self._timeout_s = timeout_s

    @property
    def id(self) -> VmId:
        """Which VM this is."""
        return self._vm.id

    async def pause(self) -> None:
        """Warm up what the first command needs, then stop the processors.

        Raises:
            RestoreFailed: it does not do it in time.
            InfraError: it cannot be used.
        """
        try:
            with anyio.fail_after(self._timeout_s):
                await guest_setup.warm_up_clone(self._vm.link, self._clock)
                self._vm.link.pause_heart()
                await self._monitor.pause()
        except TimeoutError as exc:
            raise RestoreFailed(f"{self.id} could not be prepared in {self._timeout_s:g} s") from exc

    async def activate(self) -> LinkVm:
        """Wake it: the time is on its way before the processors run."""
        try:
            with anyio.fail_after(self._timeout_s), single_error():
                async with anyio.create_task_group() as tasks:
                    tasks.start_soon(guest_setup.set_clock, self._vm.link, self._clock)
                    tasks.start_soon(self._monitor.resume)
        except TimeoutError as exc:
            raise RestoreFailed(f"{self.id} did not wake in {self._timeout_s:g} s") from exc
        self._vm.link.resume_heart()
        return self._vm

    async def wait_lost(self) -> InfraError:
        """Wait until the VMM or the link is gone."""
        return await self._vm.link.wait_lost()
