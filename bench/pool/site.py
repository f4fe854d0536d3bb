"""A pool on real VMs, in directories of its own."""

from __future__ import annotations

import os
from contextlib import asynccontextmanager
from time import perf_counter
from typing import TYPE_CHECKING

from terraphim_runner.adapters.system_clock import SystemClock
from terraphim_runner.domain.budget import Budget
from terraphim_runner.domain.vm_type import VmType
from terraphim_runner.pool.limits import PoolLimits
from terraphim_runner.pool.pool import VmPool
from terraphim_runner.ports.vm import AllocationRequest, Command
from terraphim_runner.settings.host import HostCapacity
from terraphim_runner.settings.load import load_settings
from terraphim_runner.wiring.qemu import make_qemu_provider

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from terraphim_runner.adapters.qemu.provider import QemuProvider
    from terraphim_runner.ports.vm import Vm

VM_TYPE = VmType("small", "debian-12", cpus=1, memory_mib=512, disk_mib=1024)
REQUEST = AllocationRequest(VM_TYPE)
ECHO = Command(("/bin/echo", "hello"), env={"PATH": "/usr/bin:/bin"})


def make_provider(directory: Path) -> QemuProvider:
    """Make the user's provider, with a state directory of this run's own."""
    settings = load_settings({}, {**os.environ, "XDG_STATE_HOME": str(directory)}, HostCapacity.measure())
    return make_qemu_provider(settings, SystemClock(), print)


def limits(*, min_idle: int, max_total: int, refill_delay_s: float = 0.3) -> PoolLimits:
    """Give limits in which only these numbers matter."""
    return PoolLimits(
        budget=Budget(1000, 1_000_000),
        max_total=max_total,
        max_starting=2,
        min_idle={VM_TYPE: min_idle},
        refill_delay_s=refill_delay_s,
    )


@asynccontextmanager
async def open_pool(directory: Path, pool_limits: PoolLimits) -> AsyncIterator[VmPool]:
    """Give a pool that is full."""
    async with VmPool(make_provider(directory), SystemClock(), pool_limits) as pool:
        await settle(pool)
        yield pool


async def settle(pool: VmPool) -> None:
    """Wait until the idle minimum is there and nothing is under way."""
    while not pool.status().is_settled:
        await pool.wait_changed()


async def first_output_s(vm: Vm) -> float:
    """Time a command up to its first output."""
    started_s = perf_counter()
    async with vm.exec(ECHO) as execution:
        await anext(aiter(execution))
        return perf_counter() - started_s


async def run_script(vm: Vm, script: str) -> tuple[bool, str]:
    """Run a script as root in the machine's own root: whether it succeeded, and what it said."""
    output = b""
    async with vm.exec(Command(("/bin/bash", "-c", script), env=vm.environment)) as execution:
        async for _, data in execution:
            output += data
        return (await execution.wait()).is_success, output.decode(errors="replace")
