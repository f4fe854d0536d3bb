"""The floors themselves: a cold boot, a restored clone, a work tree, raw bytes."""

from __future__ import annotations

import fcntl
import os
import secrets
import shutil
import subprocess
import time
from contextlib import ExitStack, contextmanager
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING

from bench.bare.machine import BareDisks, BareMachine, BareMemory, BareShape, empty_disk, overlay, start

if TYPE_CHECKING:
    from collections.abc import Iterator

_AGENT = "/usr/lib/terraphim-runner/agent.py"  # what the image's initramfs starts
_MAILBOX_SIZE = 1 << 30
_WARM_UPS = 5
_SEALS = fcntl.F_SEAL_WRITE | fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_GROW | fcntl.F_SEAL_SEAL
_SQUASHFS = (
    *("-comp", "lz4", "-noappend", "-no-xattrs", "-no-exports", "-no-duplicates", "-no-fragments", "-no-sparse"),
    *("-no-progress", "-quiet", "-force-uid", "1001", "-force-gid", "1001"),
)


class Floor:
    """Bare machines of one shape; a context manager because it keeps a template and files."""

    def __init__(self, shape: BareShape, root_disk: Path, disk_size: int, directory: Path) -> None:
        """Work in `directory`, on a copy of `root_disk` with the stand-in for the agent."""
        self._shape = shape
        self._directory = directory
        self._disk_size = disk_size
        self._root_disk = _with_stand_in(root_disk, directory / "root.ext4")
        self._state_fd = os.memfd_create("bare-state")
        self._memory_fd = os.memfd_create("bare-memory", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
        self._template_disk = self._make_template()

    def close(self) -> None:
        """Let go of the template."""
        os.close(self._state_fd)
        os.close(self._memory_fd)

    def boot_s(self) -> float:
        """Time from the start of QEMU to the stand-in's first line."""
        disks = self._disks("boot", self._root_disk)
        started_s = perf_counter()
        with start(self._shape, disks) as machine:
            machine.read_line()
            return perf_counter() - started_s

    def restore_s(self) -> float:
        """Time from the start of QEMU to the first output of a command in a clone that is a machine of its own.

        That takes the right time and secrets that no other clone has; it is asked for together with the command.
        """
        disks = self._disks("clone", self._template_disk)
        started_s = perf_counter()
        with self._restored(disks) as machine:
            machine.port.sendall(f"{_personality()}\ne\n".encode())
            _expect(machine.read_line(), b"personalized\n")
            machine.read_line()
            return perf_counter() - started_s

    def restore_twin_s(self) -> float:
        """Time the same without that: the clone's clock is late and its random numbers are its twins'."""
        disks = self._disks("twin", self._template_disk)
        started_s = perf_counter()
        with self._restored(disks) as machine:
            machine.ask("e")
            return perf_counter() - started_s

    def tree_s(self, tree: Path) -> float:
        """Time to ship a work tree into a restored clone by the mailbox disk."""
        disks = self._disks("tree", self._template_disk)
        with self._restored(disks) as machine:
            machine.ask("e")
            started_s = perf_counter()
            _ship(machine, tree, disks.mailbox)
            return perf_counter() - started_s

    @contextmanager
    def clone(self) -> Iterator[BareMachine]:
        """Give a restored clone that has run a command."""
        with self._restored(self._disks("standing", self._template_disk)) as machine:
            machine.ask("e")
            yield machine

    def _disks(self, name: str, backing: Path) -> BareDisks:
        root, mailbox = self._directory / f"{name}.qcow2", self._directory / f"{name}.mailbox"
        return BareDisks(overlay(root, backing, self._disk_size), empty_disk(mailbox, _MAILBOX_SIZE))

    def _make_template(self) -> Path:
        os.truncate(self._memory_fd, self._shape.memory_mib << 20)
        disks = self._disks("template", self._root_disk)
        with start(self._shape, disks, BareMemory(self._memory_fd, is_shared=True)) as machine:
            machine.read_line()
            for _ in range(_WARM_UPS):
                machine.ask(_personality())
                machine.ask("e")
            _ship(machine, Path(__file__).parent, disks.mailbox)  # the guest loads what that needs, once
            _expect(machine.ask("u /work"), b"unmounted 0\n")
            machine.greet_qmp()
            capabilities = [{"capability": name, "state": True} for name in ("x-ignore-shared", "events")]
            machine.ask_qmp("migrate-set-capabilities", capabilities=capabilities)
            machine.ask_qmp("getfd", fd=self._state_fd, fdname="state")
            machine.ask_qmp("migrate", uri="fd:state")
            machine.wait_event("MIGRATION", status="completed")
        fcntl.fcntl(self._memory_fd, fcntl.F_ADD_SEALS, _SEALS)
        return disks.root

    @contextmanager
    def _restored(self, disks: BareDisks) -> Iterator[BareMachine]:
        memory = BareMemory(self._memory_fd, is_shared=False)
        with ExitStack() as stack:
            state_fd = os.open(f"/proc/self/fd/{self._state_fd}", os.O_RDONLY)
            stack.callback(os.close, state_fd)
            machine = stack.enter_context(start(self._shape, disks, memory, is_clone=True, fds=[state_fd]))
            machine.greet_qmp()
            capabilities = [{"capability": "x-ignore-shared", "state": True}]
            machine.ask_qmp("migrate-set-capabilities", capabilities=capabilities)
            machine.ask_qmp("migrate-incoming", uri=f"fd:{state_fd}")
            yield machine


def send_s(machine: BareMachine, size: int) -> float:
    """Time `size` bytes to the guest, through the bare port."""
    piece = bytes(256 * 1024)
    started_s = perf_counter()
    machine.port.sendall(f"w {size}\n".encode())
    for _ in range(size // len(piece)):
        machine.port.sendall(piece)
    machine.read_line()
    return perf_counter() - started_s


def receive_s(machine: BareMachine, size: int) -> float:
    """Time `size` bytes from the guest, through the bare port."""
    started_s = perf_counter()
    machine.port.sendall(f"r {size}\n".encode())
    while size:
        size -= len(machine.port.recv(min(size, 256 * 1024)))
    return perf_counter() - started_s


def _personality() -> str:
    return f"p {time.time_ns()} {secrets.token_hex(64)}"


def _ship(machine: BareMachine, tree: Path, mailbox: Path) -> None:
    subprocess.run(["mksquashfs", str(tree), str(mailbox), *_SQUASHFS], check=True)
    os.truncate(mailbox, _MAILBOX_SIZE)
    _expect(machine.ask("m /work"), b"mounted 0\n")


def _expect(answer: bytes, expected: bytes) -> None:
    if answer != expected:
        raise RuntimeError(f"the bare machine answered {answer!r} instead of {expected!r}")


def _with_stand_in(source: Path, target: Path) -> Path:
    subprocess.run(["cp", "--sparse=always", "--reflink=auto", str(source), str(target)], check=True)
    target.chmod(0o600)
    stand_in = Path(__file__).with_name("stand_in.py")
    debugfs = shutil.which("debugfs", path=f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin") or "debugfs"
    script = f"rm {_AGENT}\nwrite {stand_in} {_AGENT}\n"
    result = subprocess.run(
        [debugfs, "-w", "-f", "-", str(target)], input=script.encode(), capture_output=True, check=True
    )
    if b"Allocated inode" not in result.stdout:
        raise RuntimeError(f"debugfs could not place the stand-in: {result.stderr.decode(errors='replace')}")
    return target
