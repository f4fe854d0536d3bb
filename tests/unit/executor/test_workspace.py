"""A job's directories are made by the guest's agent where it can, by a command where it cannot."""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import pytest

from terraphim_runner.adapters.memory.clock import ManualClock
from terraphim_runner.adapters.memory.provider import MemoryProvider
from terraphim_runner.adapters.memory.vm import Behaviour
from terraphim_runner.domain.errors import InfraError
from terraphim_runner.domain.vm_type import VmType
from terraphim_runner.executor.workspace import place_in, set_up
from terraphim_runner.ports.vm import AllocationRequest, ExitStatus

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from terraphim_runner.adapters.memory.vm import MemoryVm

pytestmark = pytest.mark.anyio

_REQUEST = AllocationRequest(VmType(name="default", image="none", cpus=1, memory_mib=64, disk_mib=64))
_GITHUB = {"repository": "octo/hello"}


@asynccontextmanager
async def _vm(status: ExitStatus = ExitStatus(code=0)) -> AsyncIterator[MemoryVm]:  # noqa: B008  # it is frozen
    async with MemoryProvider(ManualClock(), lambda _: Behaviour(status=status)) as provider:
        await provider.allocate(_REQUEST)
        yield provider.vms[0]


async def test_directories_and_the_event_cost_no_process() -> None:
    async with _vm() as vm:
        place = place_in(vm, _GITHUB)
        await set_up(vm, place, b"{}")

        assert vm.commands == []
        assert vm.files == {place.event_path: b"{}"}


@pytest.mark.parametrize("used", ["workspace", "tool_cache", "temp"])
async def test_a_directory_that_the_image_has_something_in_is_taken_as_it_is(used: str) -> None:
    async with _vm() as vm:
        place = place_in(vm, _GITHUB)
        vm.files[f"{getattr(place, used)}/of-the-image"] = b"kept"
        await set_up(vm, place, b"{}")

        (command,) = vm.commands
        assert command.argv[-7:] == (
            "/home/runner/work",
            "/home/runner/work/hello",
            "/home/runner/work/hello/hello",
            "/home/runner/work/_temp",
            "/home/runner/work/_tool",
            "/run/runner",
            "/run/runner/_runner_file_commands",
        )
        assert vm.files[f"{getattr(place, used)}/of-the-image"] == b"kept"
        assert vm.files[place.event_path] == b"{}"


async def test_p6_a_vm_that_cannot_even_do_that_is_to_blame() -> None:
    async with _vm(ExitStatus(code=1)) as vm:
        place = place_in(vm, _GITHUB)
        vm.files[f"{place.workspace}/of-the-image"] = b"kept"
        with pytest.raises(InfraError, match="failed in the VM"):
            await set_up(vm, place, b"{}")
