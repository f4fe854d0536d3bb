"""What a VM is that waits in the pool, and what it is when it was woken."""

from __future__ import annotations

import os
import signal
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import anyio
import pytest

from terraphim_runner.adapters.qemu.provider import QemuProvider
from terraphim_runner.adapters.system_clock import SystemClock
from terraphim_runner.domain.errors import InfraError
from terraphim_runner.link.guest_link import LinkSettings
from terraphim_runner.ports.vm import AllocationRequest

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from terraphim_runner.adapters.qemu.config import QemuConfig
    from terraphim_runner.domain.ident import VmId
    from terraphim_runner.domain.vm_type import VmType
    from terraphim_runner.ports.image import ImageStore

    Shell = Callable[..., Awaitable[str]]

pytestmark = [pytest.mark.vm, pytest.mark.anyio]


def pid_of(provider: QemuProvider, vm_id: VmId) -> int:
    return int((provider.slot_dir(vm_id) / "vmm").read_text().split()[0])


def ticks(pid: int) -> int:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return int(fields[11]) + int(fields[12])


async def test_a_vm_that_waits_uses_no_processor(provider: QemuProvider, small: VmType) -> None:
    """Trap: a guest that is not paused wakes a hundred times a second."""
    prepared = await provider.prepare(AllocationRequest(small))
    pid = pid_of(provider, prepared.id)
    before = ticks(pid)
    await SystemClock().sleep_s(2.0)

    assert ticks(pid) - before <= 2


class ShiftedClock(SystemClock):
    """A host whose clock goes on while the guest is paused."""

    shift = timedelta()

    def now(self) -> datetime:
        """Give the time of day, shifted."""
        return super().now() + self.shift


async def test_a_vm_that_was_woken_tells_the_time(
    qemu_config: QemuConfig, images: ImageStore, small: VmType, shell: Shell
) -> None:
    """Trap: its clock stood still while it was paused."""
    clock = ShiftedClock()
    async with QemuProvider(qemu_config, images, clock) as provider:
        prepared = await provider.prepare(AllocationRequest(small))
        clock.shift = timedelta(hours=3)
        vm = await prepared.activate()
        before = clock.now().timestamp()
        told = float(await shell(vm, "date +%s.%N"))

        assert before - 0.5 <= told <= clock.now().timestamp() + 0.5


async def test_two_vms_that_waited_share_no_secret(provider: QemuProvider, small: VmType, shell: Shell) -> None:
    """Each has had randomness and a machine id of its own since it was cloned."""
    vms = [await (await provider.prepare(AllocationRequest(small))).activate() for _ in range(2)]
    script = (
        "head -c 32 /dev/urandom | sha256sum; cat /etc/machine-id; python3 -c 'import os; print(os.urandom(9))'"
    )
    first, second = [(await shell(vm, script)).splitlines() for vm in vms]

    assert not set(first) & set(second)


async def test_a_vm_may_wait_for_longer_than_its_heart_is_listened_to(
    qemu_config: QemuConfig, images: ImageStore, small: VmType, shell: Shell
) -> None:
    """Trap: whoever is paused answers no ping, and one may be on its way already."""
    impatient = replace(qemu_config, link=LinkSettings(heartbeat_interval_s=0.05, heartbeat_timeout_s=1.0))
    async with QemuProvider(impatient, images, SystemClock()) as provider:
        prepared = await provider.prepare(AllocationRequest(small))
        with anyio.move_on_after(3.0) as patience:
            await prepared.wait_lost()

        assert patience.cancelled_caught
        assert await shell(await prepared.activate(), "echo here") == "here\n"


async def test_a_vm_that_died_while_it_waited_is_told_and_does_not_wake(
    provider: QemuProvider, small: VmType
) -> None:
    """The health check: whoever asks gets an error, and takes another."""
    prepared = await provider.prepare(AllocationRequest(small))
    os.kill(pid_of(provider, prepared.id), signal.SIGKILL)
    with anyio.fail_after(30):
        await prepared.wait_lost()
        with pytest.raises(InfraError):
            await prepared.activate()
        await provider.release(prepared.id)

    assert list(await provider.held_vms()) == []


async def test_sweeping_clears_what_a_dead_process_left_and_nothing_else(
    provider: QemuProvider, small: VmType
) -> None:
    """Slots in use keep their files."""
    held = await provider.allocate(AllocationRequest(small))
    left = provider.slot_dir(held.vm.id).parent / "7"
    left.mkdir()
    (left / "console.log").write_text("somebody's")
    await provider.sweep()

    assert sorted(path.name for path in left.iterdir()) == ["lock"]
    assert (provider.slot_dir(held.vm.id) / "vmm").exists()
