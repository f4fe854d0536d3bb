"""Machines of several shapes, restored and booted."""

from __future__ import annotations

from contextlib import asynccontextmanager
from dataclasses import replace
from typing import TYPE_CHECKING

import anyio
import pytest

from terraphim_runner.adapters.qemu import tenancy
from terraphim_runner.adapters.qemu.config import BootSetting
from terraphim_runner.adapters.qemu.provider import QemuProvider
from terraphim_runner.adapters.system_clock import SystemClock
from terraphim_runner.domain.errors import BootTimeout, CommandNotStarted
from terraphim_runner.domain.vm_type import VmType
from terraphim_runner.ports.vm import AllocationRequest, AllocationSource

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable

    from terraphim_runner.adapters.qemu.config import QemuConfig
    from terraphim_runner.ports.image import ImageStore
    from terraphim_runner.ports.vm import Vm

    Shell = Callable[..., Awaitable[str]]

pytestmark = [pytest.mark.vm, pytest.mark.anyio]


@pytest.mark.parametrize(("cpus", "memory_mib"), [(2, 1024), (1, 8192)])
async def test_a_vm_is_as_large_as_its_type(
    provider: QemuProvider, shell: Shell, cpus: int, memory_mib: int
) -> None:
    """CPUs and memory; the restored clone has what the template had."""
    vm_type = VmType("large", "debian-12", cpus, memory_mib, disk_mib=1024)
    for _ in range(3):
        vm = (await provider.allocate(AllocationRequest(vm_type))).vm
        told = (await shell(vm, "nproc; awk '/MemTotal/ {print $2}' /proc/meminfo")).split()
        await provider.release(vm.id)

        assert int(told[0]) == cpus
        assert memory_mib * 0.85 < int(told[1]) / 1024 <= memory_mib


async def test_a_vm_can_be_booted_every_time(
    qemu_config: QemuConfig, images: ImageStore, small: VmType, shell: Shell
) -> None:
    """By setting; it says so, and there is no template."""
    config = replace(qemu_config, boot=BootSetting.ALWAYS, data_dir=qemu_config.state_dir / "data")
    async with QemuProvider(config, images, SystemClock()) as provider:
        allocation = await provider.allocate(AllocationRequest(small))
        assert allocation.source is AllocationSource.BOOTED
        assert await shell(allocation.vm, "echo up") == "up\n"
    assert not (config.data_dir / "templates").exists()


async def test_a_boot_that_takes_too_long_says_what_the_console_said(
    qemu_config: QemuConfig, images: ImageStore, small: VmType
) -> None:
    """And leaves nothing."""
    config = replace(qemu_config, boot=BootSetting.ALWAYS, boot_timeout_s=0.2)
    async with QemuProvider(config, images, SystemClock()) as provider:
        with pytest.raises(BootTimeout, match=r"VMM \d+: still running"):
            await provider.allocate(AllocationRequest(small))
        assert await provider.held_vms() == []


async def test_a_vmm_that_does_not_answer_is_a_boot_that_takes_too_long(
    qemu_config: QemuConfig, images: ImageStore, small: VmType, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its guest is not asked before."""

    @asynccontextmanager
    async def hang(_: object) -> AsyncIterator[None]:
        await anyio.sleep_forever()
        yield

    monkeypatch.setattr(tenancy, "open_monitor", hang)
    config = replace(qemu_config, boot=BootSetting.ALWAYS, boot_timeout_s=0.2)
    async with QemuProvider(config, images, SystemClock()) as provider:
        with anyio.fail_after(60), pytest.raises(BootTimeout, match=r"VMM \d+: still running"):
            await provider.allocate(AllocationRequest(small))


async def test_an_allocation_is_ten_times_faster_than_a_boot(
    qemu_config: QemuConfig, images: ImageStore, small: VmType, provider: QemuProvider
) -> None:
    """What templates are for. Three times faster is demanded here, where other things may be running."""
    await provider.allocate(AllocationRequest(small))
    cloned = min([(await provider.allocate(AllocationRequest(small))).duration_s for _ in range(3)])
    async with QemuProvider(replace(qemu_config, boot=BootSetting.ALWAYS), images, SystemClock()) as booting:
        booted = (await booting.allocate(AllocationRequest(small))).duration_s

    assert cloned * 3 < booted


async def test_ten_clones_at_once_are_ten_machines(provider: QemuProvider, small: VmType, shell: Shell) -> None:
    """With ids of their own."""
    ids: set[str] = set()

    async def use_one() -> None:
        vm = (await provider.allocate(AllocationRequest(small))).vm
        ids.add(await shell(vm, "cat /etc/machine-id"))

    async with anyio.create_task_group() as tasks:
        for _ in range(10):
            tasks.start_soon(use_one)

    assert len(ids) == 10


async def test_a_guests_timers_are_exact_and_its_idle_processors_idle(vm: Vm, shell: Shell) -> None:
    """Not a tick of 4 ms for ever, which is all a kernel has that does not trust its processor's timer."""
    assert {".hres_active    : 1", ".nohz_mode      : 2"} <= {
        line.strip() for line in (await shell(vm, "cat /proc/timer_list")).splitlines()
    }


async def test_a_user_who_was_just_made_can_run_commands(vm: Vm, shell: Shell) -> None:
    """The agent remembers whom it found, not whom it did not. No job can change those: it has its own root."""
    with pytest.raises(CommandNotStarted, match="newcomer"):
        await shell(vm, "id -u", user="newcomer")
    await shell(vm, "useradd --uid 4242 newcomer")

    assert await shell(vm, "id -u", user="newcomer") == "4242\n"


async def test_a_stalled_vmm_says_for_how_long(provider: QemuProvider, vm: Vm) -> None:
    """It has waited for a processor at least once, and not longer than it lives."""
    link = vm.link  # type: ignore[attr-defined]

    assert 0 < link._stall() < 3600


async def test_the_guards_against_the_boot_hang_are_on_the_kernels_command_line(
    provider: QemuProvider, small: VmType, shell: Shell
) -> None:
    """Trap: without these, boots hang in the calibration of the time stamp counter; bench/soak.py shows it."""
    vm = (await provider.allocate(AllocationRequest(small))).vm
    words = (await shell(vm, "cat /proc/cmdline")).split()

    assert {"tsc=reliable", "no_timer_check", f"tsc_early_khz={provider.host.tsc_khz}"} <= set(words)
    assert "refined" not in await shell(vm, "dmesg | grep -i 'tsc: Refined' || true")
