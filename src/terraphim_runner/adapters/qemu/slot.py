"""Places for VMs, host-wide: one directory each, owned by whoever holds its lock.

<root>/<n>/lock         flock'ed for as long as a runner holds the slot; the kernel frees it on kill -9
<root>/<n>/generation   the last generation handed out
<root>/<n>/vmm          pid and start time of the slot's VMM
<root>/<n>/cgroup       the directories of its control group
<root>/<n>/...          anything else is the VM's, and wiped with it
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
import signal
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

import anyio
import structlog

from terraphim_runner.adapters.qemu.cgroup import Cgroup
from terraphim_runner.adapters.qemu.config import MAX_SLOTS, USER_COUNT
from terraphim_runner.adapters.qemu.disk import host_files
from terraphim_runner.adapters.qemu.vmm import KILL_TIMEOUT_S, ProcessMark
from terraphim_runner.domain.errors import HostError, InfraError
from terraphim_runner.domain.ident import VmId

if TYPE_CHECKING:
    from collections.abc import Container

_log = structlog.get_logger(__name__)
_KEPT = {"lock", "generation"}
_CGROUP = "cgroup"
_GENERATION_DIGITS = 12


class Slot:
    """A slot that this process holds."""

    def __init__(self, path: Path, lock_fd: int) -> None:
        """Use `Slots`."""
        self.path = path
        self.number = int(path.name)
        self._place = hashlib.sha256(bytes(path.parent)).digest()
        self.generation = _read_generation(path)
        self._lock_fd = lock_fd

    @property
    def name(self) -> str:
        """A name no other slot of this host has, whatever directory it is in."""
        return f"vm-{self._place.hex()[:8]}-{self.number}"

    @property
    def user_number(self) -> int:
        """Which of the VMMs' users is this slot's: another in every slot, and most likely in every directory."""
        return int.from_bytes(self._place, "big") % (USER_COUNT // MAX_SLOTS) * MAX_SLOTS + self.number

    @property
    def vm_id(self) -> VmId:
        """The id of the slot's present occupant."""
        return VmId(self.number, self.generation)

    def advance(self) -> None:
        """Begin the next generation.

        In place and in one write, which no death of this process can cut in two: to replace the file has some file
        systems write it to the disk at once, which takes longer than all else that an allocation does here.
        """
        self.generation += 1
        fd = os.open(self.path / "generation", os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            os.write(fd, b"%0*d\n" % (_GENERATION_DIGITS, self.generation))
        finally:
            os.close(fd)

    def record_vmm(self, mark: ProcessMark | None, cgroup: Cgroup) -> None:
        """Note which process is the slot's VMM, and its control group, for whoever may have to clean up."""
        (self.path / _CGROUP).write_text("".join(f"{path}\n" for path in cgroup.paths))
        if mark is not None:
            (self.path / "vmm").write_text(f"{mark.pid} {mark.started}\n")

    async def wipe(self) -> None:
        """Kill a VMM that is on record and remove everything but the slot's memory of itself.

        Raises:
            InfraError: the process did not go away, or something cannot be removed.
        """
        try:
            await _end_recorded(self.path / "vmm")
            kept = _KEPT if _read_cgroup(self.path / _CGROUP).remove() else _KEPT | {_CGROUP}  # for who comes next
            for entry in self.path.iterdir():
                if entry.name not in kept:
                    shutil.rmtree(entry) if entry.is_dir() and not entry.is_symlink() else entry.unlink()
        except OSError as exc:
            raise InfraError(f"{self.path} cannot be cleaned: {exc.strerror}") from exc

    async def vacate(self) -> bool:
        """Wipe and let go; tell whether nothing is left. Whoever takes the slot next wipes what is."""
        try:
            await self.wipe()
        except InfraError as exc:
            _log.warning("something is left in a slot", slot=str(self.path), error=str(exc))
            return False
        finally:
            self.free()
        return True

    def free(self) -> None:
        """Let go of the lock; may be called again."""
        if self._lock_fd != -1:
            os.close(self._lock_fd)
            self._lock_fd = -1


class Slots:
    """All slots of one provider on this host."""

    def __init__(self, root: Path) -> None:
        """Keep slots under `root`, which is made if missing."""
        self._root = root
        self._stuck: set[int] = set()  # could not be wiped when that was last tried, which may have taken long

    def directory(self, number: int) -> Path:
        """Tell where a slot's files are."""
        return self._root / str(number)

    async def acquire(self, *, prefer: int | None = None, avoid: Container[int] = ()) -> Slot:
        """Take this slot or the lowest free one, cleaned, at its next generation.

        Raises:
            HostError: every slot is taken, or the directory cannot be written.
        """
        preferred = () if prefer is None or prefer in self._stuck else (prefer,)
        for number in (*preferred, *sorted(range(1, MAX_SLOTS + 1), key=self._stuck.__contains__)):
            slot = None if number in avoid else self._try_lock(number)
            if slot is not None and await self._is_prepared(slot):
                return slot
        raise HostError(f"all {MAX_SLOTS} slots under {self._root} are taken")

    async def reclaim(self, vm_id: VmId) -> None:
        """Clean up after a VM whose owner died. Does nothing if the slot has moved on or never existed.

        Raises:
            InfraError: a live process holds that very VM, or something of it is left.
        """
        if not (self.directory(vm_id.slot) / "lock").exists():
            return
        slot = self._try_lock(vm_id.slot)
        if slot is not None:
            try:
                if slot.vm_id == vm_id:
                    await slot.wipe()
                    self._stuck.discard(slot.number)
            finally:
                slot.free()
        elif _read_generation(self.directory(vm_id.slot)) == vm_id.generation:
            raise InfraError(f"{vm_id} is held by another process that is alive")

    async def sweep(self) -> None:
        """Wipe every slot that nobody has; those where something is left are used last."""
        for path in list(self._root.glob("[0-9]*")):
            slot = self._try_lock(int(path.name))
            if slot is not None and not await slot.vacate():
                self._stuck.add(slot.number)

    async def _is_prepared(self, slot: Slot) -> bool:
        try:
            await slot.wipe()
            with host_files("a slot"):
                slot.advance()
        except InfraError as exc:
            slot.free()
            self._stuck.add(slot.number)
            _log.warning("a slot is passed over", slot=str(slot.path), error=str(exc))
            return False
        except BaseException:
            slot.free()
            raise
        self._stuck.discard(slot.number)
        return True

    def _try_lock(self, number: int) -> Slot | None:
        path = self.directory(number)
        try:
            path.mkdir(mode=0o700, parents=True, exist_ok=True)
            fd = os.open(path / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as exc:
            raise HostError(f"cannot use {path}: {exc.strerror}", hint=f"make {self._root} writable") from exc
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(fd)
            return None
        return Slot(path, fd)


def _read_generation(path: Path) -> int:
    try:
        return int((path / "generation").read_text())
    except (FileNotFoundError, ValueError):
        return 0


def _read_cgroup(record: Path) -> Cgroup:
    try:
        return Cgroup(tuple(Path(line) for line in record.read_text().splitlines()))
    except FileNotFoundError:
        return Cgroup(())


def _read_mark(record: Path) -> ProcessMark | None:
    try:
        pid, started = record.read_text().split()
        return ProcessMark(int(pid), started)
    except (FileNotFoundError, ValueError):
        return None


async def _end_recorded(record: Path) -> None:
    mark = _read_mark(record)
    if mark is None or not mark.is_alive:
        return
    with suppress(ProcessLookupError):
        pidfd = os.pidfd_open(mark.pid)
        try:
            await _kill(pidfd, mark)
        finally:
            os.close(pidfd)


async def _kill(pidfd: int, mark: ProcessMark) -> None:
    if not mark.is_alive:  # the number may have passed on before the descriptor was opened
        return
    signal.pidfd_send_signal(pidfd, signal.SIGKILL)
    with anyio.move_on_after(KILL_TIMEOUT_S):
        await anyio.wait_readable(pidfd)
        return
    raise InfraError(f"VMM {mark.pid} does not die")
