"""Slots of the provider `process` are shared by all runners of a host, and outlive those that die."""

from __future__ import annotations

import shutil
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from terraphim_runner.adapters.process import slot
from terraphim_runner.adapters.process.provider import ProcessProvider
from terraphim_runner.domain.errors import HostError, InfraError
from terraphim_runner.domain.ident import VmId
from terraphim_runner.domain.vm_type import VmType
from terraphim_runner.ports.vm import AllocationRequest, Command

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.anyio

REQUEST = AllocationRequest(VmType("small", "none", cpus=1, memory_mib=1, disk_mib=1))
DIES = """
import anyio, os, signal, sys
from pathlib import Path
from terraphim_runner.adapters.process.provider import ProcessProvider
from terraphim_runner.domain.vm_type import VmType
from terraphim_runner.ports.vm import AllocationRequest
async def main():
    async with ProcessProvider(Path(sys.argv[1])) as provider:
        vm = (await provider.allocate(AllocationRequest(VmType("x", "x", 1, 1, 1)))).vm
        (Path(sys.argv[1]) / "1" / "machine" / "left").write_text("secret")
        os.kill(os.getpid(), signal.SIGKILL)
anyio.run(main)
"""


def die_holding_a_vm(slots: Path) -> None:
    done = subprocess.run([sys.executable, "-c", DIES, str(slots)], check=False)
    assert done.returncode == -9


def entries(slots: Path) -> list[str]:
    return sorted(path.name for path in (slots / "1").iterdir())


async def test_two_runners_hold_different_slots(tmp_path: Path) -> None:
    async with ProcessProvider(tmp_path) as one, ProcessProvider(tmp_path) as other:
        assert (await one.allocate(REQUEST)).vm.id == VmId(1, 1)
        assert (await other.allocate(REQUEST)).vm.id == VmId(2, 1)


async def test_a_slot_remembers_its_generation_when_the_runner_is_gone(tmp_path: Path) -> None:
    async with ProcessProvider(tmp_path) as provider:
        await provider.allocate(REQUEST)
    async with ProcessProvider(tmp_path) as provider:
        allocation = await provider.allocate(REQUEST)

    assert allocation.vm.id == VmId(1, 2)
    assert allocation.is_reused_slot


async def test_a_slot_of_a_dead_runner_is_wiped_and_used_again(tmp_path: Path) -> None:
    die_holding_a_vm(tmp_path)
    assert "machine" in entries(tmp_path)
    async with ProcessProvider(tmp_path) as provider:
        allocation = await provider.allocate(REQUEST)
        listing = Command(("/bin/ls", "-A", allocation.vm.work_root.removesuffix("/work")))
        async with allocation.vm.exec(listing) as execution:
            output = b"".join([data async for _, data in execution])

    assert allocation.vm.id == VmId(1, 2)
    assert b"left" not in output


async def test_a_vm_of_a_dead_runner_can_be_released(tmp_path: Path) -> None:
    die_holding_a_vm(tmp_path)
    async with ProcessProvider(tmp_path) as provider:
        await provider.release(VmId(1, 1))
        await provider.release(VmId(1, 1))

    assert entries(tmp_path) == ["generation", "lock"]


async def test_a_vm_of_a_live_runner_cannot_be_released_by_another(tmp_path: Path) -> None:
    async with ProcessProvider(tmp_path) as one, ProcessProvider(tmp_path) as other:
        held = (await one.allocate(REQUEST)).vm
        with pytest.raises(InfraError, match="another process"):
            await other.release(held.id)

        assert list(await one.held_vms()) == [held.id]


async def test_leaving_the_provider_leaves_nothing_of_its_vms(tmp_path: Path) -> None:
    async with ProcessProvider(tmp_path) as provider:
        vm = (await provider.allocate(REQUEST)).vm
        locked = f"mkdir -p {vm.work_root}/a/b && touch {vm.work_root}/a/b/c && chmod 0 {vm.work_root}/a"
        async with vm.exec(Command(("/bin/sh", "-c", locked), env={"PATH": "/usr/bin:/bin"})) as execution:
            assert (await execution.wait()).is_success

    assert entries(tmp_path) == ["generation", "lock"]


async def test_a_directory_that_cannot_be_used_is_the_hosts_fault(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    async with ProcessProvider(tmp_path / "file") as provider:
        with pytest.raises(HostError, match="cannot use"):
            await provider.allocate(REQUEST)


async def test_commands_are_offered_what_they_need_and_no_secrets(tmp_path: Path) -> None:
    environ = {"PATH": "/bin", "https_proxy": "http://proxy", "SSL_CERT_FILE": "/ca", "API_TOKEN": "secret"}
    async with ProcessProvider(tmp_path, environ=environ) as provider:
        vm = (await provider.allocate(REQUEST)).vm

    offered = dict(vm.environment)
    externals = offered.pop("TERRAPHIM_EXTERNALS")
    assert offered == {"PATH": "/bin", "https_proxy": "http://proxy", "SSL_CERT_FILE": "/ca"}
    assert externals.startswith(str(tmp_path))
    assert "isolates nothing" in provider.isolation_warning


async def test_a_slot_that_cannot_be_cleaned_is_passed_over(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A step with sudo has left what this user cannot remove: later runs take other slots."""

    def refuse(directory: Path) -> None:
        if directory.parent.name == "1":
            raise InfraError("cannot remove it")

    monkeypatch.setattr(slot, "remove", refuse)
    async with ProcessProvider(tmp_path) as provider:
        allocation = await provider.allocate(REQUEST)

    assert allocation.vm.id == VmId(2, 1)


async def test_a_jobs_directory_that_cannot_be_removed_is_this_machines_fault(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And no bug of ours."""

    def refuse(directory: Path) -> None:
        raise PermissionError(1, "Operation not permitted", str(directory))

    monkeypatch.setattr(shutil, "rmtree", refuse)
    with pytest.raises(InfraError, match=r"cannot remove .*: Operation not permitted"):
        slot.remove(tmp_path)
