"""What a clone is, and what it is not: its template's twin."""

from __future__ import annotations

import hashlib
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from terraphim_runner.adapters.qemu import memory
from terraphim_runner.adapters.qemu.provider import QemuProvider
from terraphim_runner.adapters.system_clock import SystemClock
from terraphim_runner.ports.vm import AllocationRequest, AllocationSource

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from pathlib import Path

    from terraphim_runner.adapters.qemu.config import QemuConfig
    from terraphim_runner.domain.vm_type import VmType
    from terraphim_runner.ports.image import ImageStore
    from terraphim_runner.ports.vm import Allocation, Vm

    Shell = Callable[..., Awaitable[str]]

pytestmark = [pytest.mark.vm, pytest.mark.anyio]

SECRETS = {
    "kernel": "head -c 32 /dev/urandom | sha256sum",
    "getrandom": "python3 -c 'import os; print(os.getrandom(32).hex())'",
    "secrets": "python3 -c 'import secrets; print(secrets.token_hex(32))'",
    "random": "python3 -c 'import random; print(random.getrandbits(256))'",
    "bash": "echo $RANDOM $RANDOM $RANDOM $SRANDOM",
    "uuid": "cat /proc/sys/kernel/random/uuid",
    "machine id": "cat /etc/machine-id",
    "temporary name": "mktemp -u",
}


async def test_a_clone_answers(allocation: Allocation, shell: Shell) -> None:
    """It is restored, and runs commands."""
    assert allocation.source is AllocationSource.RESTORED
    assert await shell(allocation.vm, "echo $((6 * 7))") == "42\n"


@pytest.mark.parametrize("name", SECRETS)
async def test_two_clones_of_one_template_share_no_secret(
    provider: QemuProvider, small: VmType, shell: Shell, name: str
) -> None:
    """Trap: without reseeding, every clone gives the same random bytes."""
    first = (await provider.allocate(AllocationRequest(small))).vm
    second = (await provider.allocate(AllocationRequest(small))).vm

    assert await shell(first, SECRETS[name]) != await shell(second, SECRETS[name])


class TomorrowsClock(SystemClock):
    """A host whose clock is far from when the template was frozen."""

    def now(self) -> datetime:
        """Give the time of day, tomorrow."""
        return super().now() + timedelta(days=1)


async def test_a_clone_tells_the_time_of_its_host(
    qemu_config: QemuConfig, images: ImageStore, small: VmType, shell: Shell
) -> None:
    """Trap: without setting it, the clock lags by the template's age."""
    clock = TomorrowsClock()
    async with QemuProvider(qemu_config, images, clock) as provider:
        vm = (await provider.allocate(AllocationRequest(small))).vm
        before = clock.now().timestamp()
        told = float(await shell(vm, "date +%s.%N"))
        after = clock.now().timestamp()

    assert before - 0.5 <= told <= after + 0.5


async def test_a_clone_has_the_room_of_its_type(vm: Vm, small: VmType, shell: Shell) -> None:
    """The file system was grown in the template."""
    available_kib = int(await shell(vm, "df --output=avail -k / | tail -1"))

    assert available_kib / 1024 > small.disk_mib * 0.9


async def test_what_a_clone_writes_stays_its_own(
    provider: QemuProvider, small: VmType, shell: Shell, template_dir: Path
) -> None:
    """Trap: QEMU opens the template's memory for writing; sealed, nobody can change it. Disks likewise."""
    before = digests(template_dir)
    first = (await provider.allocate(AllocationRequest(small))).vm
    await shell(first, "head -c 100M /dev/urandom > /dev/shm/noise; head -c 50M /dev/urandom > /noise; sync")
    await provider.release(first.id)
    second = (await provider.allocate(AllocationRequest(small))).vm

    assert digests(template_dir) == before
    assert (
        await shell(second, "ls /dev/shm /noise 2>&1 || true")
        == "ls: cannot access '/noise': No such file or directory\n/dev/shm:\n"
    )


async def test_the_memory_all_clones_share_is_sealed(provider: QemuProvider, vm: Vm) -> None:
    """Not even this process can write to it."""
    (template,) = provider.templates.loaded

    assert memory.is_sealed(template.memory_fd)


def digests(root: Path) -> dict[Path, str]:
    found = {path: path.read_bytes() for path in root.rglob("*") if path.is_file() and path.suffix != ".lock"}
    assert found
    return {path: hashlib.sha256(content).hexdigest() for path, content in found.items()}
