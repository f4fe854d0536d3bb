"""Slots of VMMs, where something in one of them cannot be used or cleaned up."""

from __future__ import annotations

import signal
from contextlib import ExitStack
from pathlib import Path

import anyio
import pytest

from terraphim_runner.adapters.qemu import vmm as vmms
from terraphim_runner.adapters.qemu.confinement import Confinement
from terraphim_runner.adapters.qemu.parts import new_mailbox, new_overlay
from terraphim_runner.adapters.qemu.slot import Slots
from terraphim_runner.adapters.qemu.vmm import Vmm
from terraphim_runner.domain.errors import HostError, InfraError
from terraphim_runner.domain.ident import VmId

pytestmark = pytest.mark.anyio


def spoil(root: Path, number: int) -> Path:
    """Leave a slot with something in it that no wiping removes."""
    record = root / str(number) / "cgroup"
    record.mkdir(parents=True)  # a file elsewhere
    return record


def open_files() -> int:
    return sum(1 for _ in Path("/proc/self/fd").iterdir())


async def test_a_slot_that_cannot_be_wiped_keeps_nobody_from_the_others(tmp_path: Path) -> None:
    spoil(tmp_path, 1)
    slots = Slots(tmp_path)

    assert (await slots.acquire()).number == 2
    assert (await slots.acquire(prefer=1)).number == 3


async def test_a_slot_that_could_not_be_wiped_is_used_again_when_it_can(tmp_path: Path) -> None:
    """It comes last, for to try it may take long; a release that succeeds puts it back in its place."""
    record = spoil(tmp_path, 1)
    slots = Slots(tmp_path)
    await slots.sweep()
    record.rmdir()

    (await slots.acquire()).free()
    assert (tmp_path / "2" / "generation").exists()
    await slots.reclaim(VmId(1, 0))
    assert (await slots.acquire()).number == 1


async def test_a_sweep_goes_on_after_a_slot_that_cannot_be_wiped(tmp_path: Path) -> None:
    for number in (1, 3):
        spoil(tmp_path, number)
    (tmp_path / "2").mkdir()
    (tmp_path / "2" / "left").touch()
    await Slots(tmp_path).sweep()

    assert [path.name for path in (tmp_path / "2").iterdir()] == ["lock"]


async def test_a_release_is_an_error_until_it_succeeds(tmp_path: Path) -> None:
    """Whoever asks again has it tried again."""
    slots = Slots(tmp_path)
    slot = await slots.acquire()
    record = spoil(tmp_path, 1)

    assert not await slot.vacate()
    for _ in range(2):
        with pytest.raises(InfraError, match="cannot be cleaned"):
            await slots.reclaim(slot.vm_id)
    record.rmdir()
    await slots.reclaim(slot.vm_id)


async def test_a_generation_that_cannot_be_written_is_the_hosts_fault(tmp_path: Path) -> None:
    (tmp_path / "1").mkdir()
    (tmp_path / "1" / "generation").symlink_to(tmp_path / "no" / "such")

    with pytest.raises(HostError, match="slot"):
        await Slots(tmp_path).acquire()


async def test_a_vmm_that_does_not_die_is_not_waited_for_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    vmm = Vmm.spawn(["/bin/sleep", "1000"], fds=[], limits=Confinement(None))
    with monkeypatch.context() as patch, anyio.fail_after(60):
        patch.setattr(vmms, "KILL_TIMEOUT_S", 0.01)
        patch.setattr(signal, "pidfd_send_signal", lambda *_: None)
        await vmm.destroy()

    assert not vmm.exited.is_set()
    vmm._process.kill()
    vmm._process.wait()


async def test_a_console_log_that_cannot_be_written_is_not_worth_a_vm(tmp_path: Path) -> None:
    before = open_files()
    vmm = Vmm.spawn(["/bin/echo", "hello"], fds=[], limits=Confinement(None), log=tmp_path / "no" / "such")
    await vmm.watch()
    vmm.close()

    assert (vmm.status, vmm.console.last_lines()) == (0, ["hello"])
    assert open_files() == before


async def test_a_disk_that_cannot_be_made_is_the_hosts_fault(tmp_path: Path) -> None:
    with ExitStack() as stack:
        with pytest.raises(HostError, match="a VM"):
            new_mailbox(stack, tmp_path / "no" / "such")
        with pytest.raises(HostError, match="a VM"):
            new_overlay(stack, tmp_path / "no" / "such", 1 << 20)
