"""A VM that goes away is noticed at once, with evidence."""

from __future__ import annotations

import os
import signal
from typing import TYPE_CHECKING

import anyio
import pytest

from terraphim_runner.domain.errors import MachineLost
from terraphim_runner.ports.vm import Command

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from terraphim_runner.adapters.qemu.provider import QemuProvider
    from terraphim_runner.ports.vm import Vm

pytestmark = [pytest.mark.vm, pytest.mark.anyio]

ENDINGS = {
    "power off": "sleep 0.1; echo o > /proc/sysrq-trigger; sleep 100",
    "reboot": "sleep 0.1; echo b > /proc/sysrq-trigger; sleep 100",
    "panic": "sleep 0.1; echo c > /proc/sysrq-trigger; sleep 100",
}


def vmm_of(provider: QemuProvider, vm: Vm) -> int:
    record = provider.slot_dir(vm.id) / "vmm"
    return int(record.read_text().split()[0])


async def test_a_killed_vmm_fails_what_waits_at_once_and_says_how_it_ended(provider: QemuProvider, vm: Vm) -> None:
    """Within a second; the error tells the signal."""
    async with vm.exec(Command(("/bin/sleep", "1000"))) as execution:
        os.kill(vmm_of(provider, vm), signal.SIGKILL)
        with anyio.fail_after(1), pytest.raises(MachineLost, match="killed by SIGKILL"):
            await execution.wait()

    with pytest.raises(MachineLost, match="SIGKILL"):
        await vm.put_file("/x", chunks())
    await provider.release(vm.id)


@pytest.mark.parametrize("name", ENDINGS)
async def test_a_guest_that_ends_its_machine_is_a_lost_machine(provider: QemuProvider, vm: Vm, name: str) -> None:
    """By whatever way: it is not waited for, and there is no made-up exit code."""
    with anyio.fail_after(30):
        with pytest.raises(MachineLost, match="exit status 0") as caught:
            async with vm.exec(Command(("/bin/sh", "-c", ENDINGS[name]))) as execution:
                await execution.wait()
        await provider.release(vm.id)

    if name == "panic":
        assert "Kernel panic" in str(caught.value)
    assert await provider.held_vms() == []


async def chunks() -> AsyncIterator[bytes]:
    yield b"x"
