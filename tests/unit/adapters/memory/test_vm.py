"""The fake VM keeps the promises that real ones do."""

from __future__ import annotations

import anyio
import pytest

from terraphim_runner.adapters.memory.clock import ManualClock
from terraphim_runner.adapters.memory.vm import Behaviour, MemoryVm
from terraphim_runner.domain.errors import MachineLost
from terraphim_runner.domain.ident import VmId
from terraphim_runner.ports.vm import Command

pytestmark = pytest.mark.anyio


async def test_a_command_of_a_vm_that_was_lost_never_ends_well() -> None:
    """Neither when its time is over nor later: there is no made-up status."""
    clock = ManualClock()
    async with anyio.create_task_group() as tasks:
        vm = MemoryVm(VmId(1, 1), lambda _: Behaviour(files={"/late": b"x"}, duration_s=1.0), clock, tasks)
        async with vm.exec(Command(("true",))) as execution:
            await clock.advance_s(0.5)
            vm.lose()
            await clock.advance_s(1.0)

            with pytest.raises(MachineLost):
                await execution.wait()
            assert vm.files == {}
