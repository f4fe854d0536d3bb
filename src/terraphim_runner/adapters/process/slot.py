"""Slots, host-wide: a directory each, held by whoever holds its lock.

<root>/<n>/lock         flock'ed while a runner holds the slot; the kernel frees it even on kill -9
<root>/<n>/generation   the last generation given out
<root>/<n>/agent        process number and start time of the agent, for whoever has to clean up
<root>/<n>/machine/     everything of the present occupant
"""

from __future__ import annotations

import fcntl
import os
import select
import shutil
import signal
from pathlib import Path
from typing import TYPE_CHECKING

from terraphim_runner.domain.errors import HostError, InfraError
from terraphim_runner.domain.ident import VmId

if TYPE_CHECKING:
    from collections.abc import Iterator

_MOST_SLOTS = 1024
_PATIENCE_MS = 10_000


class Slot:
    """A slot that this process holds."""

    def __init__(self, path: Path, lock_fd: int) -> None:
        """Use `take_slot` or `take_abandoned`."""
        self._path = path
        self._lock_fd = lock_fd

    @property
    def vm_id(self) -> VmId:
        """Tell whose the slot is."""
        return VmId(int(self._path.name), _read_generation(self._path))

    @property
    def machine(self) -> Path:
        """Give the occupant's directory."""
        return self._path / "machine"

    def advance(self) -> None:
        """Begin the next generation, with an empty directory."""
        generation = self.vm_id.generation + 1
        fresh = self._path / "generation.new"
        fresh.write_text(f"{generation}\n")
        fresh.replace(self._path / "generation")
        self.machine.mkdir(mode=0o700)

    def record_agent(self, pid: int) -> None:
        """Note the agent's process."""
        (self._path / "agent").write_text(f"{pid} {_start_time(pid)}\n")

    def clean(self) -> None:
        """Kill the agent on record and remove what the occupant left; blocks.

        Raises:
            InfraError: the agent does not die, or its files cannot be removed.
        """
        _kill_recorded(self._path / "agent")
        remove(self.machine)

    def free(self) -> None:
        """Let go of the slot; may be called again."""
        if self._lock_fd >= 0:
            os.close(self._lock_fd)
            self._lock_fd = -1


def take_slot(root: Path) -> Slot:
    """Take the lowest free slot, cleaned, at its next generation; blocks.

    Raises:
        HostError: the directory cannot be used, or every slot is held.
        InfraError: of those that are not, none can be cleaned.
    """
    trouble: InfraError | None = None
    for slot in _free_slots(root):
        try:
            slot.clean()
            slot.advance()
        except InfraError as error:  # left by a command with more rights than we have: it is not to block all runs
            slot.free()
            trouble = error
            continue
        except BaseException:
            slot.free()
            raise
        return slot
    if trouble is not None:
        raise trouble
    raise HostError(f"all {_MOST_SLOTS} slots of {root} are held")


def take_abandoned(root: Path, vm_id: VmId) -> Slot | None:
    """Take the slot of a VM whose owner is dead; nothing if the slot has moved on; blocks.

    Raises:
        InfraError: a live process holds that very VM.
    """
    path = root / str(vm_id.slot)
    if _read_generation(path) != vm_id.generation:
        return None
    slot = _try_lock(path)
    if slot is None:
        raise InfraError(f"{vm_id} is held by another process")
    if slot.vm_id != vm_id:
        slot.free()
        return None
    return slot


def _free_slots(root: Path) -> Iterator[Slot]:
    for number in range(1, _MOST_SLOTS + 1):
        slot = _try_lock(root / str(number))
        if slot is not None:
            yield slot


def _try_lock(path: Path) -> Slot | None:
    try:
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
        lock = os.open(path / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as exc:
        raise HostError(f"cannot use {path}: {exc.strerror}", hint=f"make {path.parent} writable") from exc
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(lock)
        return None
    return Slot(path, lock)


def _read_generation(path: Path) -> int:
    try:
        return int((path / "generation").read_text())
    except (FileNotFoundError, ValueError):
        return 0


def _start_time(pid: int) -> str | None:
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return None
    return stat.rpartition(")")[2].split()[19]


def _kill_recorded(record: Path) -> None:
    try:
        pid, started = record.read_text().split()
        handle = os.pidfd_open(int(pid))
    except (FileNotFoundError, ProcessLookupError, ValueError):
        record.unlink(missing_ok=True)
        return
    try:
        if _start_time(int(pid)) == started:  # else the number is another process's by now
            _end(handle)
    finally:
        os.close(handle)
    record.unlink(missing_ok=True)


def _end(handle: int) -> None:
    poller = select.poll()
    poller.register(handle, select.POLLIN)
    for number in (signal.SIGTERM, signal.SIGKILL):  # SIGTERM lets it kill all that is below it
        try:
            signal.pidfd_send_signal(handle, number)
        except ProcessLookupError:
            return
        if poller.poll(_PATIENCE_MS):
            return
    raise InfraError("an agent does not die")


def remove(directory: Path) -> None:
    """Remove a directory that commands wrote, if it is there; blocks.

    Raises:
        InfraError: it cannot be removed, for instance what a command made as another user.
    """
    if not directory.exists():
        return
    try:
        try:
            shutil.rmtree(directory)
        except PermissionError:
            _open_up(directory)  # a command may have made directories that nobody may write
            shutil.rmtree(directory)
    except OSError as exc:
        raise InfraError(f"cannot remove {exc.filename}: {exc.strerror}") from exc


def _open_up(directory: Path) -> None:
    directory.chmod(0o700)
    for entry in os.scandir(directory):
        if entry.is_dir(follow_symlinks=False):
            _open_up(Path(entry.path))
