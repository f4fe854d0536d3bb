"""The host is not the guest's."""

from __future__ import annotations

import os
import shutil
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import pytest

from terraphim_runner.adapters.qemu.config import FIRST_VMM_UID, USER_COUNT, BootSetting
from terraphim_runner.adapters.qemu.landlock import version
from terraphim_runner.adapters.qemu.provider import QemuProvider
from terraphim_runner.adapters.system_clock import SystemClock
from terraphim_runner.domain.errors import InfraError
from terraphim_runner.domain.network import NetworkMode, NetworkPolicy
from terraphim_runner.ports.vm import AllocationRequest, Command

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator

    from terraphim_runner.adapters.qemu.config import QemuConfig
    from terraphim_runner.domain.vm_type import VmType
    from terraphim_runner.ports.image import ImageStore
    from terraphim_runner.ports.vm import Vm

    Shell = Callable[..., Awaitable[str]]

pytestmark = [pytest.mark.vm, pytest.mark.anyio]
needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can give VMMs users of their own")
needs_landlock = pytest.mark.skipif(not version(), reason="this kernel has no Landlock")


@pytest.fixture
def vmm(provider: QemuProvider, vm: Vm) -> Path:
    """What the kernel tells of a running VMM."""
    return Path("/proc") / (provider.slot_dir(vm.id) / "vmm").read_text().split()[0]


def status_of(vmm: Path) -> dict[str, str]:
    lines = (vmm / "status").read_text().splitlines()
    return {name: value.strip() for name, _, value in (line.partition(":") for line in lines)}


@needs_root
async def test_p10_a_vmm_has_a_user_of_its_own_and_no_capability(vmm: Path) -> None:
    """All four ids, no groups, nothing to gain."""
    status = status_of(vmm)
    (user,) = set(status["Uid"].split())

    assert FIRST_VMM_UID < int(user) <= FIRST_VMM_UID + USER_COUNT
    assert set(status["Gid"].split()) == {user}
    assert status["Groups"] == ""
    assert {status[name] for name in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb")} == {"0" * 16}


@needs_root
async def test_p10_two_vmms_are_two_users(provider: QemuProvider, small: VmType) -> None:
    """They cannot reach each other."""
    vms = [(await provider.allocate(AllocationRequest(small))).vm for _ in range(2)]
    pids = [(provider.slot_dir(vm.id) / "vmm").read_text().split()[0] for vm in vms]

    assert len({status_of(Path("/proc") / pid)["Uid"] for pid in pids}) == 2


async def test_p10_a_vmm_is_sandboxed(vmm: Path) -> None:
    """Seccomp filters every thread; no privilege can be gained."""
    threads = [status_of(thread) for thread in (vmm / "task").iterdir()]

    assert {thread["Seccomp"] for thread in threads} == {"2"}
    assert {thread["NoNewPrivs"] for thread in threads} == {"1"}


async def test_p10_a_vmm_is_out_of_reach_of_the_terminals_interrupt(vmm: Path) -> None:
    """Ctrl-C is for the runner, which cancels the run in good order while the VM goes on."""
    assert os.getsid(int(vmm.name)) != os.getsid(0)
    assert os.getpgid(int(vmm.name)) != os.getpgid(0)


async def test_p10_a_vmm_has_limits(vmm: Path) -> None:
    """Also where no control group can be had."""
    limits = {line[:26].strip(): line[26:].split()[0] for line in (vmm / "limits").read_text().splitlines()}

    assert limits["Max core file size"] == "0"
    assert limits["Max open files"] == "256"
    assert int(limits["Max file size"]) < 8 << 30
    assert int(limits["Max address space"]) < 8 << 30


async def test_p10_a_vmm_is_in_a_control_group_where_there_are_any(provider: QemuProvider, vmm: Path) -> None:
    """And `description` says so."""
    groups = (vmm / "cgroup").read_text()
    if not provider.host.cgroups.version:
        pytest.skip(provider.host.cgroups.description)

    assert "/terraphim-runner/vm-" in groups


async def test_p10_a_vmm_holds_no_file_of_the_hosts_but_its_own(vmm: Path, images: ImageStore) -> None:
    """What it was handed, what QEMU itself needs, and nothing else."""
    image = images.find("").root_disk.parent
    opened = {str(fd.readlink()) for fd in (vmm / "fd").iterdir()}
    known = ("socket:", "pipe:", "anon_inode:", "/dev/null", "/memfd:", str(image), "/dev/ptmx")

    strangers = {name for name in opened if not name.startswith(known) and "(deleted)" not in name}
    assert {name for name in strangers if not name.endswith("disk.qcow2")} == set()


@pytest.fixture
def open_file() -> Iterator[Path]:
    """A file that every user of this machine may read and write, in a directory that all may enter."""
    with TemporaryDirectory() as directory:
        Path(directory).chmod(0o755)
        path = Path(directory) / "readable"
        path.write_bytes(bytes(512))
        path.chmod(0o666)
        yield path
        assert path.read_bytes() == bytes(512)


@needs_landlock
@pytest.mark.parametrize("boot", BootSetting)
async def test_p10_a_vmm_opens_no_file_of_the_hosts(
    boot: BootSetting, qemu_config: QemuConfig, images: ImageStore, small: VmType, open_file: Path
) -> None:
    """Cloned or booted, asked by its own monitor: not what anybody may read or write. QEMU's own files it does."""
    program = shutil.which("qemu-system-x86_64")
    async with QemuProvider(replace(qemu_config, boot=boot), images, SystemClock()) as provider:
        vm = (await provider.allocate(AllocationRequest(small))).vm
        _, monitor = provider._held[vm.id].vmm

        async def attempt(path: str | Path, *, is_read_only: bool = True) -> None:
            file = {"driver": "file", "node-name": "probe", "filename": str(path), "read-only": is_read_only}
            await monitor._ask("blockdev-add", file)
            await monitor._ask("blockdev-del", {"node-name": "probe"})

        for path in ("/etc/passwd", "/proc/version", "/proc/1/cmdline", open_file):
            with pytest.raises(InfraError, match="Permission denied"):
                await attempt(path)
        with pytest.raises(InfraError, match="Permission denied"):
            await attempt(open_file, is_read_only=False)
        with pytest.raises(InfraError, match="Could not open"):
            await monitor._ask("pmemsave", {"val": 0, "size": 512, "filename": str(open_file)})
        assert program is not None
        await attempt(program)


@needs_landlock
async def test_p10_a_vm_has_names_though_its_vmm_does_not_see_the_hosts_name_servers(vm: Vm, shell: Shell) -> None:
    """They are asked by the runner, which learns of new ones; over datagrams and connections."""
    query = (
        "import socket, struct; q = struct.pack('>6H', 7, 256, 1, 0, 0, 0) + b'\\x09localhost\\0\\0\\1\\0\\1';"
        "u = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); u.settimeout(20); u.sendto(q, ('10.0.2.3', 53));"
        "t = socket.create_connection(('10.0.2.3', 53), 20); t.sendall(struct.pack('>H', len(q)) + q);"
        "print(u.recv(512)[:2], t.recv(512)[2:4])"
    )

    assert await shell(vm, f'python3 -c "{query}"') == "b'\\x00\\x07' b'\\x00\\x07'\n"


async def test_p10_a_guest_reaches_nothing_without_a_network(
    provider: QemuProvider, small: VmType, shell: Shell
) -> None:
    """There is no device at all."""
    cut_off = replace(small, network=NetworkPolicy(NetworkMode.NONE))
    vm = (await provider.allocate(AllocationRequest(cut_off))).vm

    assert (await shell(vm, "ls /sys/class/net")).split() == ["lo"]


async def test_a_full_guest_disk_fails_the_write_and_not_the_vm(vm: Vm, shell: Shell) -> None:
    """The guest is told; it does not stop."""
    command = Command(("/bin/sh", "-c", "head -c 8G /dev/zero > /full"))
    async with vm.exec(command) as execution:
        output = b"".join([data async for _, data in execution])
        assert not (await execution.wait()).is_success
    assert b"No space left" in output
    await shell(vm, "rm /full; echo y > /fits")
