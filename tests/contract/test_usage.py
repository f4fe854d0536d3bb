"""What every provider promises that measures its VMs, also where a pool is in front of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from terraphim_runner.ports.usage import MeteredProvider

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from tests.contract.conftest import Make

    from terraphim_runner.ports.vm import AllocationRequest, VmProvider

pytestmark = pytest.mark.anyio

_REAL = [pytest.param(kind, marks=pytest.mark.vm) for kind in ("qemu", "pool of qemu")]


@pytest.fixture(params=["memory", "pool of memory", *_REAL])
async def provider(request: pytest.FixtureRequest, make_provider: Make) -> AsyncIterator[VmProvider]:
    """Every provider that measures, entered."""
    async with make_provider(request.param) as provider:
        yield provider


async def test_a_vm_is_measured_for_as_long_as_it_is_held(
    provider: VmProvider, request_for_vm: AllocationRequest
) -> None:
    """Nothing is made up for one that is gone."""
    assert isinstance(provider, MeteredProvider)
    vm_id = (await provider.allocate(request_for_vm)).vm.id
    usage = await provider.usage(vm_id)
    await provider.release(vm_id)

    assert usage is not None
    assert usage.peak_memory_bytes > 0
    assert await provider.usage(vm_id) is None
