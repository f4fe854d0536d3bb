"""The ledger as a file of JSON lines that many runner processes append to.

<state_dir>/ledger.jsonl           one entry per line; `ledger.lock` is held while it is written
<state_dir>/owners/<owner>.lock    locked by its process for as long as that lives: the kernel lets go of it,
                                   however the process ends; `owners.lock` is held while one comes or goes
<state_dir>/reconciling.lock       held by the one process that settles what dead ones left
"""

from __future__ import annotations

import errno
import fcntl
import json
import os
import uuid
from contextlib import contextmanager
from datetime import datetime
from typing import TYPE_CHECKING, Any, Self

from terraphim_runner.domain.errors import HostDiskFull, HostError
from terraphim_runner.domain.ident import RunId, SessionId, VmId
from terraphim_runner.ports.ledger import LedgerEntry, LedgerEvent

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path
    from types import TracebackType

_NO_ROOM = frozenset({errno.ENOSPC, errno.EDQUOT})


class LedgerFile:
    """A `Ledger` in `state_dir`. A context manager: leaving it ends this owner's life before the process does."""

    def __init__(self, state_dir: Path) -> None:
        """Create what is missing and be alive as a new owner.

        Raises:
            HostError: the directory cannot be written.
            HostDiskFull: there is no room.
        """
        self._state_dir = state_dir
        self._path = state_dir / "ledger.jsonl"
        self._owner = f"{os.getpid()}-{uuid.uuid4().hex}"
        self._starts: dict[SessionId, int] = {}  # where this process' sessions begin in the file
        with _host_errors(state_dir):
            self._owners.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._life = self._come_alive()
            self._fd = os.open(self._path, os.O_RDWR | os.O_APPEND | os.O_CREAT, 0o600)
            _sync_directory(state_dir)

    def __enter__(self) -> Self:
        """Be usable in a `with` statement."""
        return self

    def __exit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Let go of the files; this owner counts as dead from here on."""
        self._lock_of(self._owner).unlink(missing_ok=True)
        os.close(self._life)
        os.close(self._fd)

    @property
    def owner(self) -> str:
        """Who this process is."""
        return self._owner

    def append(self, entry: LedgerEntry) -> None:
        """Write one line and wait until it is on the disk."""
        line = json.dumps(_as_dict(entry), separators=(",", ":")).encode() + b"\n"
        with _host_errors(self._path), self._locked("ledger.lock", fcntl.LOCK_EX):
            end = os.fstat(self._fd).st_size
            # A line that a crash tore has no end; it gets one, so that it spoils itself only.
            self._write(line if self._ends_whole(end) else b"\n" + line, end)
            if entry.event is LedgerEvent.REQUESTED:
                self._starts.setdefault(entry.session_id, end)

    def entries(self, session_id: SessionId | None = None) -> Sequence[LedgerEntry]:
        """Read the file, for a session of this process from where it begins."""
        start = 0 if session_id is None else self._starts.get(session_id, 0)
        with _host_errors(self._path), self._locked("ledger.lock", fcntl.LOCK_SH):
            content = _read_from(self._fd, start)
        parsed = (_parse(line, self._path) for line in content.split(b"\n"))
        return [entry for entry in parsed if entry and session_id in {None, entry.session_id}]

    @contextmanager
    def reconciling(self) -> Iterator[bool]:
        """Hold a lock that nobody waits for."""
        with _host_errors(self._state_dir):
            fd = os.open(self._state_dir / "reconciling.lock", os.O_RDWR | os.O_CREAT, 0o600)
        try:
            yield _try_lock(fd, fcntl.LOCK_EX)
        finally:
            os.close(fd)

    def is_alive(self, owner: str) -> bool:
        """Try to share the owner's lock, which only a dead owner allows."""
        if "/" in owner:
            return False  # not a name we gave
        with _host_errors(self._owners):
            return self._is_locked(self._lock_of(owner))

    @property
    def _owners(self) -> Path:
        return self._state_dir / "owners"

    def _lock_of(self, owner: str) -> Path:
        return self._owners / f"{owner}.lock"

    def _come_alive(self) -> int:
        with self._locked("owners.lock", fcntl.LOCK_EX):
            for path in self._owners.glob("*.lock"):
                if not self._is_locked(path):
                    path.unlink(missing_ok=True)
            fd = os.open(self._lock_of(self._owner), os.O_RDWR | os.O_CREAT, 0o600)
            fcntl.flock(fd, fcntl.LOCK_EX)
            return fd

    @staticmethod
    def _is_locked(path: Path) -> bool:
        try:
            fd = os.open(path, os.O_RDONLY)
        except FileNotFoundError:
            return False
        try:
            return not _try_lock(fd, fcntl.LOCK_SH)
        finally:
            os.close(fd)

    @contextmanager
    def _locked(self, name: str, how: int) -> Iterator[None]:
        # A description of its own each time: locks of one description do not exclude this process' other threads.
        fd = os.open(self._state_dir / name, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(fd, how)
            yield
        finally:
            os.close(fd)

    def _ends_whole(self, end: int) -> bool:
        return end == 0 or os.pread(self._fd, 1, end - 1) == b"\n"

    def _write(self, data: bytes, end: int) -> None:
        try:
            _write_all(self._fd, data)
            os.fsync(self._fd)
        except OSError:
            os.ftruncate(self._fd, end)  # nothing was written, as the contract says
            raise


@contextmanager
def _host_errors(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        if error.errno in _NO_ROOM:
            raise HostDiskFull(
                f"no space left to write {path}", hint="free some disk space and try again"
            ) from error
        raise HostError(
            f"cannot use {path}: {error.strerror}", hint="set state_dir to a directory you can write"
        ) from error


def _try_lock(fd: int, how: int) -> bool:
    try:
        fcntl.flock(fd, how | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _sync_directory(path: Path) -> None:
    fd = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


def _write_all(fd: int, data: bytes) -> None:
    while data:
        data = data[os.write(fd, data) :]


def _read_from(fd: int, start: int) -> bytes:
    chunks = []
    while chunk := os.pread(fd, 1 << 20, start):
        chunks.append(chunk)
        start += len(chunk)
    return b"".join(chunks)


def _as_dict(entry: LedgerEntry) -> dict[str, str | None]:
    return {
        "at": entry.at.isoformat(),
        "event": entry.event.value,
        "session_id": entry.session_id,
        "run_id": entry.run_id,
        "provider": entry.provider,
        "owner": entry.owner,
        "vm_id": None if entry.vm_id is None else str(entry.vm_id),
        "detail": entry.detail,
    }


def _parse(line: bytes, path: Path) -> LedgerEntry | None:
    try:
        content = json.loads(line)
    except ValueError:
        return None  # torn by a crash: a part of a JSON object is never a JSON object
    try:
        return _from_dict(content)
    except (KeyError, TypeError, ValueError) as error:
        raise HostError(
            f"{path} has an entry that this version does not understand: {line.decode(errors='replace')}",
            hint="a newer terraphim-runner wrote it: use that, or another state_dir",
        ) from error


def _from_dict(content: dict[str, Any]) -> LedgerEntry:
    return LedgerEntry(
        at=datetime.fromisoformat(content["at"]),
        event=LedgerEvent(content["event"]),
        session_id=SessionId(content["session_id"]),
        run_id=RunId(content["run_id"]),
        provider=content["provider"],
        owner=content["owner"],
        vm_id=None if content["vm_id"] is None else VmId.parse(content["vm_id"]),
        detail=content["detail"],
    )
