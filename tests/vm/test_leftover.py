"""Nothing of a VM outlives its release, its allocation's cancellation, or its runner."""

from __future__ import annotations

import hashlib
import os
import select
import signal
import subprocess
import sys
import threading
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import anyio
import pytest
from anyio import to_thread

from terraphim_runner.adapters.qemu.confinement import Confinement
from terraphim_runner.adapters.qemu.provider import QemuProvider
from terraphim_runner.adapters.qemu.vmm import ProcessMark, Vmm
from terraphim_runner.adapters.system_clock import SystemClock
from terraphim_runner.domain.errors import InfraError, MachineLost, StateError
from terraphim_runner.domain.ident import VmId
from terraphim_runner.link.guest_link import GuestLink, LinkSettings
from terraphim_runner.ports.vm import AllocationRequest, Command

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from terraphim_runner.adapters.qemu.config import QemuConfig
    from terraphim_runner.domain.vm_type import VmType
    from terraphim_runner.ports.image import ImageStore

    Shell = Callable[..., Awaitable[str]]

pytestmark = [pytest.mark.vm, pytest.mark.anyio]

HOLDER = """
import os, sys, anyio
from pathlib import Path
from terraphim_runner.adapters.qemu.config import QemuConfig
from terraphim_runner.adapters.qemu.provider import QemuProvider
from terraphim_runner.adapters.system_clock import SystemClock
from terraphim_runner.domain.vm_type import VmType
from terraphim_runner.link.guest_link import GuestLink, LinkSettings
from terraphim_runner.ports.vm import AllocationRequest, Command
from terraphim_runner.settings.host import HostCapacity
from terraphim_runner.settings.load import load_settings
from terraphim_runner.wiring.qemu import image_store

async def main():
    images = image_store(load_settings({}, os.environ, HostCapacity.measure()))
    async with QemuProvider(QemuConfig(Path(sys.argv[1]), Path(sys.argv[2])), images, SystemClock()) as provider:
        vm = (await provider.allocate(AllocationRequest(VmType("small", sys.argv[3], 1, 512, 1024)))).vm
        print(vm.id, (provider.slot_dir(vm.id) / "vmm").read_text(), flush=True)
        await anyio.sleep_forever()

anyio.run(main)
"""


def hold_a_vm(config: QemuConfig, digest: str) -> tuple[subprocess.Popen[str], VmId, ProcessMark]:
    """Start another runner that holds a VM."""
    runner = subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(config.data_dir), str(config.state_dir), digest],
        stdout=subprocess.PIPE,
        text=True,
    )
    assert runner.stdout is not None
    vm_id, pid, started = runner.stdout.readline().split()
    return runner, VmId.parse(vm_id), ProcessMark(int(pid), started)


def wait_gone(mark: ProcessMark) -> None:
    with suppress(ProcessLookupError):
        pidfd = os.pidfd_open(mark.pid)
        try:
            if mark.is_alive:
                assert select.select([pidfd], [], [], 5)[0], f"process {mark.pid} is still there"
        finally:
            os.close(pidfd)
    while Path(f"/proc/{mark.pid}").exists():  # until init has reaped it, the kernel keeps its control group
        os.sched_yield()


def start_sleep() -> subprocess.Popen[bytes]:
    return subprocess.Popen(["sleep", "1000"])


def open_files() -> set[str]:
    found = set()
    for descriptor in Path("/proc/self/fd").iterdir():
        with suppress(OSError):
            found.add(f"{descriptor.name} {descriptor.readlink()}")
    return found


def cgroups(config: QemuConfig) -> list[Path]:
    """List the control groups of this test's VMs; other runners may be at work."""
    place = hashlib.sha256(bytes(config.state_dir / "slots" / "qemu")).hexdigest()[:8]
    return sorted(Path("/sys/fs/cgroup").glob(f"*/terraphim-runner/vm-{place}-*"))


async def test_a_released_vm_leaves_no_process_file_or_group(
    qemu_config: QemuConfig, provider: QemuProvider, small: VmType
) -> None:
    """The slot's directory holds its memory of itself, and nothing else."""
    first = (await provider.allocate(AllocationRequest(small))).vm
    await provider.release(first.id)
    before = open_files()
    vm = (await provider.allocate(AllocationRequest(small))).vm
    slot = provider.slot_dir(vm.id)
    pid, started = (slot / "vmm").read_text().split()
    assert bool(cgroups(qemu_config)) == bool(provider.host.cgroups.version)
    await provider.release(vm.id)

    assert not ProcessMark(int(pid), started).is_alive
    assert sorted(path.name for path in slot.iterdir()) == ["generation", "lock"]
    assert open_files() == before
    assert cgroups(qemu_config) == []


async def test_a_release_that_failed_succeeds_when_what_was_in_its_way_is_gone(
    provider: QemuProvider, small: VmType
) -> None:
    """Call again, the port says."""
    vm = (await provider.allocate(AllocationRequest(small))).vm
    record = provider.slot_dir(vm.id) / "cgroup"
    record.unlink()
    record.mkdir()  # nobody expects a directory there
    for _ in range(2):
        with pytest.raises(InfraError, match="cannot be cleaned"):
            await provider.release(vm.id)
    record.rmdir()
    await provider.release(vm.id)

    assert await provider.held_vms() == []
    assert sorted(path.name for path in provider.slot_dir(vm.id).iterdir()) == ["generation", "lock"]


async def test_an_error_in_a_vms_own_tasks_is_no_error_of_its_release(
    qemu_config: QemuConfig, images: ImageStore, small: VmType, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The VM is lost, and then nothing of it is left."""

    async def fail(_: GuestLink) -> None:
        raise ZeroDivisionError

    config = replace(qemu_config, link=LinkSettings(heartbeat_interval_s=0.1))
    async with QemuProvider(config, images, SystemClock()) as provider:
        vm = (await provider.allocate(AllocationRequest(small))).vm
        monkeypatch.setattr(GuestLink, "_check_heart", fail)
        with pytest.raises(MachineLost):
            async with vm.exec(Command(("/bin/sleep", "1000"))) as execution:
                await execution.wait()
        await provider.release(vm.id)

        assert await provider.held_vms() == []
        assert sorted(path.name for path in provider.slot_dir(vm.id).iterdir()) == ["generation", "lock"]


async def test_a_vmm_does_not_survive_kill_9_of_its_runner(
    qemu_config: QemuConfig, images: ImageStore, provider: QemuProvider, small: VmType
) -> None:
    """Trap: QEMU outlives its parent unless the death signal is set after the change of user."""
    await provider.release((await provider.allocate(AllocationRequest(small))).vm.id)  # makes the template
    runner, vm_id, mark = await to_thread.run_sync(hold_a_vm, qemu_config, images.find("").digest)
    assert mark.is_alive
    with pytest.raises(InfraError, match="alive"):
        await provider.release(vm_id)
    runner.send_signal(signal.SIGKILL)
    runner.communicate()

    await to_thread.run_sync(wait_gone, mark)
    await provider.release(vm_id)
    assert sorted(path.name for path in provider.slot_dir(vm_id).iterdir()) == ["generation", "lock"]
    assert cgroups(qemu_config) == []


async def test_a_slot_left_dirty_is_cleaned_by_who_takes_it_next(
    qemu_config: QemuConfig, provider: QemuProvider, small: VmType
) -> None:
    """A VMM on record is killed even if the death signal failed; here it is a process that never had one."""
    slot = qemu_config.state_dir / "slots" / "qemu" / "1"
    slot.mkdir(parents=True)
    (slot / "overlay").write_bytes(b"x")
    (slot / "generation").write_text("6\n")
    orphan = start_sleep()
    mark = ProcessMark.of(orphan.pid)
    assert mark is not None
    (slot / "vmm").write_text(f"{mark.pid} {mark.started}\n")
    allocation = await provider.allocate(AllocationRequest(small))

    assert orphan.wait(5) == -signal.SIGKILL
    assert allocation.vm.id == VmId(1, 7)
    assert allocation.is_reused_slot
    assert not (slot / "overlay").exists()


async def test_a_process_that_only_has_the_number_of_a_dead_vmm_is_left_alone(
    qemu_config: QemuConfig, provider: QemuProvider, small: VmType
) -> None:
    """Numbers come round again; start times do not."""
    slot = qemu_config.state_dir / "slots" / "qemu" / "1"
    slot.mkdir(parents=True)
    bystander = start_sleep()
    (slot / "vmm").write_text(f"{bystander.pid} 12345\n")
    await provider.allocate(AllocationRequest(small))

    assert bystander.poll() is None
    bystander.kill()
    bystander.wait()


@pytest.mark.parametrize("checkpoint", [0, 1, 2, 3, 5, 8, 13, 21, 34, 55, 89, 144])
async def test_a_cancelled_allocation_leaves_nothing_wherever_it_was(
    qemu_config: QemuConfig, provider: QemuProvider, small: VmType, checkpoint: int
) -> None:
    """Cancelled after so many turns of the event loop."""
    await provider.release((await provider.allocate(AllocationRequest(small))).vm.id)
    before = open_files()
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(provider.allocate, AllocationRequest(small))
        for _ in range(checkpoint):
            await anyio.lowlevel.checkpoint()
        tasks.cancel_scope.cancel()

    assert await provider.held_vms() == []
    assert open_files() == before
    assert cgroups(qemu_config) == []
    assert (await provider.allocate(AllocationRequest(small))).vm.id.slot == 1


async def test_leaving_the_provider_releases_what_is_held(
    qemu_config: QemuConfig, images: ImageStore, small: VmType
) -> None:
    """Also when it is left by an error, which comes out as it is."""
    marks = []

    async def hold_and_fail() -> None:
        async with QemuProvider(qemu_config, images, SystemClock()) as provider:
            for _ in range(2):
                vm = (await provider.allocate(AllocationRequest(small))).vm
                marks.append((provider.slot_dir(vm.id) / "vmm").read_text().split())
            raise KeyError("the caller's own")

    with pytest.raises(KeyError):
        await hold_and_fail()

    assert not any(ProcessMark(int(pid), started).is_alive for pid, started in marks)
    assert cgroups(qemu_config) == []


async def test_a_vmm_is_not_spawned_from_a_worker_thread(tmp_path: Path) -> None:
    """Trap: the death signal comes when the *thread* that spawned ends."""
    with pytest.raises(StateError, match="thread"):
        await to_thread.run_sync(lambda: Vmm.spawn(["true"], fds=[], limits=Confinement(None)))


async def test_the_kernel_does_kill_at_the_end_of_the_spawning_thread() -> None:
    """The trap itself: if this stops failing so, the guard may go."""
    process: list[subprocess.Popen[bytes]] = []
    command = ["setpriv", "--pdeathsig", "KILL", "sleep", "1000"]

    def spawn() -> None:
        process.append(subprocess.Popen([*command], stdout=subprocess.DEVNULL))
        assert process[0].poll() is None
        wait_until_exec(process[0].pid)

    thread = threading.Thread(target=spawn)
    thread.start()
    thread.join()

    assert process[0].wait(5) == -signal.SIGKILL


def wait_until_exec(pid: int) -> None:
    while Path(f"/proc/{pid}/comm").read_text() != "sleep\n":
        os.sched_yield()
