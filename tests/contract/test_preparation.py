"""What every provider promises that can have VMs ready before they are needed."""

from __future__ import annotations

from typing import TYPE_CHECKING

import anyio
import pytest

from terraphim_runner.domain.ident import VmId
from terraphim_runner.ports.vm import AllocationRequest, Command, SlotWish

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from tests.contract.conftest import Make

    from terraphim_runner.ports.preparation import VmPreparer
    from terraphim_runner.ports.vm import Vm

pytestmark = pytest.mark.anyio


@pytest.fixture(params=["memory", pytest.param("qemu", marks=pytest.mark.vm)])
async def provider(request: pytest.FixtureRequest, make_provider: Make) -> AsyncIterator[VmPreparer]:
    """Every provider that can prepare, entered."""
    async with make_provider(request.param) as provider:
        yield provider  # type: ignore[misc]  # the kinds above can


async def succeeds(vm: Vm) -> bool:
    async with vm.exec(Command(("/bin/sh", "-c", "exit 0"))) as execution:
        return (await execution.wait()).is_success


async def test_a_prepared_vm_is_held_and_wakes(provider: VmPreparer, request_for_vm: AllocationRequest) -> None:
    """It counts from the moment it is there; woken, it runs commands."""
    prepared = await provider.prepare(request_for_vm)
    assert list(await provider.held_vms()) == [prepared.id]

    vm = await prepared.activate()

    assert vm.id == prepared.id
    assert await succeeds(vm)


async def test_a_prepared_vm_can_be_released_unused(
    provider: VmPreparer, request_for_vm: AllocationRequest
) -> None:
    """Who waits for its loss is told."""
    prepared = await provider.prepare(request_for_vm)
    await provider.release(prepared.id)

    assert list(await provider.held_vms()) == []
    with anyio.fail_after(30):
        await prepared.wait_lost()


async def test_a_wish_for_a_slot_is_granted(provider: VmPreparer, request_for_vm: AllocationRequest) -> None:
    """The slot that is preferred if it is free, none that is to be avoided."""
    vm_type = request_for_vm.vm_type
    preferred = await provider.prepare(AllocationRequest(vm_type, wish=SlotWish(prefer=3)))
    taken = await provider.prepare(AllocationRequest(vm_type, wish=SlotWish(prefer=3, avoid={1, 2})))

    assert preferred.id == VmId(3, 1)
    assert taken.id == VmId(4, 1)


async def test_a_cancelled_preparation_leaves_nothing(
    provider: VmPreparer, request_for_vm: AllocationRequest
) -> None:
    """Whatever was begun is undone."""
    with anyio.CancelScope() as scope:
        scope.cancel()
        await provider.prepare(request_for_vm)

    assert list(await provider.held_vms()) == []
