"""P5 through a pool: a slot that is handed out again has nothing of its last tenant, on real machines."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from terraphim_runner.adapters.memory.concurrency_groups import MemoryConcurrencyGroups
from terraphim_runner.adapters.memory.ledger import MemoryLedger
from terraphim_runner.adapters.qemu.provider import QemuProvider
from terraphim_runner.adapters.system_clock import SystemClock
from terraphim_runner.domain.budget import Budget
from terraphim_runner.pool.limits import PoolLimits
from terraphim_runner.pool.pool import VmPool
from terraphim_runner.verification.laboratory import Laboratory
from terraphim_runner.verification.scenario import SCENARIOS

if TYPE_CHECKING:
    from terraphim_runner.adapters.qemu.config import QemuConfig
    from terraphim_runner.domain.vm_type import VmType
    from terraphim_runner.ports.image import ImageStore

pytestmark = [pytest.mark.vm, pytest.mark.anyio]


async def test_p5_verify_holds_through_a_pool(qemu_config: QemuConfig, images: ImageStore, small: VmType) -> None:
    """The scenario of `verify`: same slot, next generation, no file, no process, no secret."""
    clock = SystemClock()
    name = "two workflows one after the other, one slot"
    limits = PoolLimits(budget=Budget(10, 10_000), max_total=1, min_idle={small: 1})
    async with VmPool(QemuProvider(qemu_config, images, clock), clock, limits) as pool:
        while not pool.status().is_settled:
            await pool.wait_changed()
        laboratory = Laboratory(pool, MemoryLedger(), clock, MemoryConcurrencyGroups(), small)
        verdict = await laboratory.verify({name: SCENARIOS[name]}, lambda _: None)

    assert [check for scenario in verdict.scenarios for check in scenario.checks if not check.holds] == []
    assert verdict.holds
