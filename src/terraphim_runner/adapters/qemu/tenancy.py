"""One VM's stay in its slot, as one task: from spawn, through hand-out, until it is released."""

from __future__ import annotations

from contextlib import AsyncExitStack, ExitStack, asynccontextmanager
from dataclasses import replace
from typing import TYPE_CHECKING

import anyio
import structlog
from anyio import TASK_STATUS_IGNORED

from terraphim_runner.adapters.qemu import guest_setup
from terraphim_runner.adapters.qemu.machine import run_machine
from terraphim_runner.adapters.qemu.mailbox import Mailbox
from terraphim_runner.adapters.qemu.metering import ProcessUsage
from terraphim_runner.adapters.qemu.monitor import open_monitor
from terraphim_runner.adapters.qemu.parts import clone_parts, new_mailbox, new_overlay, power_on_parts
from terraphim_runner.domain.errors import BootTimeout, InfraError, MachineLost, RestoreFailed, StateError
from terraphim_runner.domain.usage import VmUsage
from terraphim_runner.egress.gate import Gate
from terraphim_runner.link.link_vm import LinkVm
from terraphim_runner.link.patience import fail_after_running
from terraphim_runner.link.single_error import single_error

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping

    from anyio.abc import TaskStatus

    from terraphim_runner.adapters.qemu.machine import RunningMachine
    from terraphim_runner.adapters.qemu.monitor import Monitor
    from terraphim_runner.adapters.qemu.parts import Blueprint
    from terraphim_runner.adapters.qemu.slot import Slot
    from terraphim_runner.adapters.qemu.template_store import Template
    from terraphim_runner.adapters.qemu.vmm import Vmm
    from terraphim_runner.egress.gate import Gates
    from terraphim_runner.ports.clock import Clock

_log = structlog.get_logger(__name__)
_LAST_WORDS_S = 1.0


class Tenancy:
    """A VM in a slot. `run` it in a task; `release` ends it."""

    def __init__(self, blueprint: Blueprint, slot: Slot, clock: Clock, gates: Gates) -> None:
        """Take a slot, which is the tenancy's from now on."""
        self.slot = slot
        self._blueprint = blueprint
        self._clock = clock
        self._gates = gates
        self._gate = Gate()
        self._is_released = anyio.Event()
        self._is_over = anyio.Event()
        self._is_clean = False
        self._running: tuple[RunningMachine, Monitor] | None = None

    async def run(
        self, template: Template | None, *, task_status: TaskStatus[LinkVm] = TASK_STATUS_IGNORED
    ) -> None:
        """Clone `template`, or boot without one; report the VM; keep it until released; leave nothing.

        Raises (only before it has reported):
            HostError: the host lacks something.
            RestoreFailed: the clone did not come up.
            InfraError: the machine did not boot.
        """
        is_reported = False
        try:
            with single_error():
                async with AsyncExitStack() as stack:
                    vm = await self._bring_up(stack, template)
                    task_status.started(vm)
                    is_reported = True
                    await self._is_released.wait()
        except Exception as exc:
            if not is_reported:
                raise
            # The other VMs' tasks must not suffer for it, nor this one's release, which finds out what is left.
            _log.warning("a VM ended with an error", vm=str(self.slot.vm_id), exc_info=exc)
        finally:
            with anyio.CancelScope(shield=True):
                await self._vacate()

    @property
    def vmm(self) -> tuple[Vmm, Monitor]:
        """The VMM and its monitor, once the VM was reported."""
        if self._running is None:
            raise StateError("the VM was not brought up yet")
        machine, monitor = self._running
        return machine.vmm, monitor

    async def release(self, timeout_s: float) -> bool:
        """End the VM; tell whether nothing of it is left. May be called again.

        Raises:
            InfraError: it takes too long.
        """
        self._is_released.set()
        with anyio.move_on_after(timeout_s):
            await self._is_over.wait()
        if not self._is_over.is_set():
            raise InfraError(f"{self.slot.vm_id} could not be released: it takes too long")
        return self._is_clean

    async def usage(self) -> VmUsage | None:
        """Tell what the VM used until now; none before it is up.

        Raises:
            InfraError: it is gone.
        """
        if self._running is None:
            return None
        machine, monitor = self._running
        process = ProcessUsage.of(machine.vmm.pid)
        return VmUsage(
            process.cpu_s,
            machine.cgroup.throttled_s(),
            process.peak_memory_bytes,
            await monitor.written_bytes(),
            self._gate.usage(),
        )

    async def _bring_up(self, stack: AsyncExitStack, template: Template | None) -> LinkVm:
        files = stack.enter_context(ExitStack())
        mailbox = new_mailbox(files, self.slot.path)
        policy = self._blueprint.vm_type.network
        self._gate = await stack.enter_async_context(self._gates.open(policy, str(self.slot.vm_id)))
        environment: Mapping[str, str]
        if template is None:
            machine = await self._boot(stack, files, mailbox)
            environment = await guest_setup.read_environment(machine.link)
        else:
            machine = await self._restore(stack, mailbox, template)
            environment = template.guest.environment
        return LinkVm(
            self.slot.vm_id,
            machine.link,
            work_root=guest_setup.WORK_ROOT,
            environment=environment,
            ship_tree=Mailbox(mailbox, self.slot.path).ship,
        )

    async def _boot(self, stack: AsyncExitStack, files: ExitStack, mailbox: int) -> RunningMachine:
        host = self._blueprint.host
        quota = self._blueprint.vm_type.quota
        settings = replace(host.config.link, handshake_timeout_s=host.config.boot_timeout_s)
        overlay = new_overlay(files, self.slot.path, self._blueprint.disk_size)
        with power_on_parts(self._blueprint, mailbox, overlay) as parts:
            running = run_machine(host, self.slot, parts, settings, gate=self._gate, cpu_limit=quota.cpu_limit)
            machine = await stack.enter_async_context(running)
        async with _boot_errors(machine.vmm, host.config.boot_timeout_s):
            monitor = await stack.enter_async_context(open_monitor(machine.qmp))
            await monitor.limit_io(quota.io_mib_s)
        self._running = machine, monitor
        await machine.shake_hands()
        async with _boot_errors(machine.vmm, host.config.boot_timeout_s):
            await guest_setup.grow_root(machine.link)
            await guest_setup.make_unique(machine.link, self._clock)
        return machine

    async def _restore(self, stack: AsyncExitStack, mailbox: int, template: Template) -> RunningMachine:
        host = self._blueprint.host
        quota = self._blueprint.vm_type.quota
        settings = replace(host.config.link, handshake_timeout_s=host.config.restore_timeout_s)
        with clone_parts(self._blueprint, mailbox, template, self.slot.path) as parts:
            state_fd = parts.state_fd
            running = run_machine(
                host,
                self.slot,
                parts,
                settings,
                conversation=template.guest.conversation,
                gate=self._gate,
                cpu_limit=quota.cpu_limit,
            )
            machine = await stack.enter_async_context(running)
        async with restore_errors(machine.vmm, settings.handshake_timeout_s):
            monitor = await stack.enter_async_context(open_monitor(machine.qmp))
            await monitor.limit_io(quota.io_mib_s)
            self._running = machine, monitor
            await monitor.load(state_fd)
            await guest_setup.personalize(machine.link, self._clock)
        return machine

    async def _vacate(self) -> None:
        try:
            self._is_clean = await self.slot.vacate()
        finally:
            self._is_over.set()


@asynccontextmanager
async def _boot_errors(vmm: Vmm, timeout_s: float) -> AsyncIterator[None]:
    """Say of what goes wrong inside, or takes too long, what is known of the VMM."""
    try:
        async with fail_after_running(timeout_s, vmm.stall):
            yield
    except TimeoutError as exc:
        raise BootTimeout(f"the machine hung while it booted; {vmm.evidence}") from exc
    except MachineLost as exc:
        raise MachineLost(f"{exc}; {vmm.evidence}") from exc


@asynccontextmanager
async def restore_errors(vmm: Vmm, timeout_s: float) -> AsyncIterator[None]:
    """Say of whatever goes wrong inside that the clone did not come up, in time, with what is known of its VMM."""
    try:
        async with fail_after_running(timeout_s, vmm.stall):
            yield
    except TimeoutError as exc:
        raise RestoreFailed(f"the clone did not come up in {timeout_s:g} s; {vmm.evidence}") from exc
    except MachineLost as exc:  # has the evidence
        raise RestoreFailed(f"the clone did not come up: {exc}") from exc
    except InfraError as exc:
        with anyio.move_on_after(_LAST_WORDS_S):  # the VMM may just be ending, and say why
            await vmm.exited.wait()
        raise RestoreFailed(f"the clone did not come up: {exc}; {vmm.evidence}") from exc
