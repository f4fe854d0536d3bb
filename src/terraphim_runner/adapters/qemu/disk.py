"""Disk files of one VM. They have no names: whatever kills the runner, the kernel frees them."""

from __future__ import annotations

import errno
import os
from contextlib import contextmanager
from typing import TYPE_CHECKING

from terraphim_runner.domain.errors import HostDiskFull, HostError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_FREE_SOME = "free some space: terraphim-runner image list; df -h"
MAILBOX_SIZE = 64 << 30  # sparse; a limit for one work tree


def nameless_file(directory: Path) -> int:
    """Open an empty file in `directory` that no name leads to; the caller owns the descriptor."""
    try:
        return os.open(directory, os.O_TMPFILE | os.O_RDWR | os.O_CLOEXEC, 0o600)
    except OSError as exc:
        if exc.errno not in {errno.EOPNOTSUPP, errno.EISDIR, errno.EINVAL}:
            raise
    path = directory / "nameless"
    fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    path.unlink()
    return fd


def reopen_read_only(fd: int) -> int:
    """Open the file behind a descriptor once more, for reading, with an offset of its own."""
    return os.open(f"/proc/self/fd/{fd}", os.O_RDONLY | os.O_CLOEXEC)


def write_sparse(fd: int, content: bytes) -> None:
    """Make `content` the file's content, leaving holes for its zeros."""
    os.ftruncate(fd, len(content))
    block = 4096
    for at in range(0, len(content), block):
        piece = content[at : at + block]
        if piece.strip(b"\0"):
            os.pwrite(fd, piece, at)


def check_room(directory: Path, needed: int) -> None:
    """See that a file system has so many bytes left, before minutes are spent on filling it.

    Raises:
        HostDiskFull: it has not.
    """
    status = os.statvfs(directory)
    free = status.f_bavail * status.f_frsize
    if free < needed:
        raise HostDiskFull(
            f"no room on this machine: {directory} has {free >> 20} MiB left and {needed >> 20} MiB are needed",
            hint=_FREE_SOME,
        )


@contextmanager
def host_files(what: str) -> Iterator[None]:
    """Tell failures of this machine's file system in our words.

    Raises:
        HostDiskFull: there is no room.
        HostError: anything else.
    """
    try:
        yield
    except OSError as exc:
        where = f" ({exc.filename})" if exc.filename else ""
        if exc.errno in {errno.ENOSPC, errno.EDQUOT}:
            raise HostDiskFull(
                f"no room on this machine for {what}{where}",
                hint=_FREE_SOME,
            ) from exc
        raise HostError(f"cannot use {what}{where}: {exc.strerror}") from exc
