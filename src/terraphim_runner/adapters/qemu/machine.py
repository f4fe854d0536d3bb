"""One machine from spawn to the last trace: VMM, console, control group, link."""

from __future__ import annotations

import socket
from contextlib import ExitStack, asynccontextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import anyio

from terraphim_runner.adapters.qemu.cgroup import Budget
from terraphim_runner.adapters.qemu.command_line import Channels, Machine, arguments
from terraphim_runner.adapters.qemu.vmm import Vmm
from terraphim_runner.domain.errors import BootTimeout, MachineLost
from terraphim_runner.link.guest_link import GuestLink

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from terraphim_runner.adapters.qemu.cgroup import Cgroup
    from terraphim_runner.adapters.qemu.host import Host
    from terraphim_runner.adapters.qemu.parts import Parts
    from terraphim_runner.adapters.qemu.slot import Slot
    from terraphim_runner.egress.gate import Gate
    from terraphim_runner.link.conversation import Conversation
    from terraphim_runner.link.guest_link import LinkSettings


@dataclass(frozen=True, slots=True)
class RunningMachine:
    """A VMM that was started, and the link to where its agent will answer."""

    vmm: Vmm
    link: GuestLink
    qmp: socket.socket
    cgroup: Cgroup

    async def shake_hands(self) -> None:
        """Wait for the agent.

        Raises:
            BootTimeout: it does not answer in time; with what the console said.
            InfraError: the VMM ended, or the agent talks nonsense.
        """
        try:
            await self.link.shake_hands()
        except BootTimeout as exc:
            raise BootTimeout(f"{exc}; {self.vmm.evidence}") from exc


@asynccontextmanager
async def run_machine(
    host: Host,
    slot: Slot,
    parts: Parts,
    settings: LinkSettings,
    *,
    conversation: Conversation | None = None,
    gate: Gate | None = None,
    cpu_limit: float | None = None,
) -> AsyncIterator[RunningMachine]:
    """Start a VMM, behind its gate to the network if it has one; at the end of the context nothing of it is left.

    With a conversation, the agent is one that is frozen in it, and need not be greeted.

    When the VMM ends, everybody who waits on the link gets `MachineLost` with how it ended and its last words.
    """
    with ExitStack() as stack:
        qmp, vmm_qmp = _socket_pair(stack)
        agent, vmm_agent = _socket_pair(stack)
        channels = Channels(vmm_qmp.fileno(), vmm_agent.fileno())
        vmm = _spawn(host, slot, parts, channels, gate.entrance if gate else ())
        try:
            cgroup = host.cgroups.create(slot.name, Budget(parts.shape.memory_mib, parts.shape.cpus, cpu_limit))
            stack.callback(cgroup.remove)
            cgroup.add(vmm.pid)
            slot.record_vmm(vmm.mark, cgroup)
            vmm_qmp.close()
            # `vmm_agent` stays open here: the link must not see the socket's end before the VMM's, whose
            # exit status and last words say more.
            link = GuestLink(agent, settings, conversation, vmm.stall)
            async with _served(vmm, link):
                yield RunningMachine(vmm, link, qmp, cgroup)
        finally:
            with anyio.CancelScope(shield=True):
                await vmm.destroy()


@asynccontextmanager
async def _served(vmm: Vmm, link: GuestLink) -> AsyncIterator[None]:
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(vmm.watch)
        tasks.start_soon(link.serve)
        tasks.start_soon(_report_end, vmm, link)
        try:
            yield
        finally:
            link.close()
            tasks.cancel_scope.cancel()


async def _report_end(vmm: Vmm, link: GuestLink) -> None:
    await vmm.exited.wait()
    evidence = vmm.evidence
    link.fail(lambda: MachineLost(f"the VM is gone: {evidence}"))


def _spawn(host: Host, slot: Slot, parts: Parts, channels: Channels, entrance: tuple[str, ...]) -> Vmm:
    shape = parts.shape
    machine = Machine(
        shape,
        parts.memory,
        parts.kernel,
        parts.disks,
        channels,
        is_clone=parts.is_clone,
        is_gated=bool(entrance),
    )
    limits = host.confinement(
        slot.user_number,
        memory_mib=shape.memory_mib,
        largest_file=parts.disk_size + parts.disk_size // 8 + (64 << 20),
    )
    return Vmm.spawn(
        [str(host.choice.program.path), *arguments(machine)],
        fds=[*parts.fds, channels.qmp, channels.agent],
        limits=replace(limits, entrance=entrance),
        log=slot.path / "console.log",
    )


def _socket_pair(stack: ExitStack) -> tuple[socket.socket, socket.socket]:
    ours, theirs = socket.socketpair()
    stack.enter_context(ours)
    stack.enter_context(theirs)
    return ours, theirs
