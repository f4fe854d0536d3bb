"""Guest memory as memory files: filled sparsely, sealed, shared by every clone in this process.

A VMM opens its memory file for writing even where it maps it privately. Sealed, the file cannot be written by
anybody, whatever was opened: clones work, and cannot damage the template or each other.
"""

from __future__ import annotations

import fcntl
import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

_BLOCK = 64 * 1024
_CHUNK = 1 << 20
_SEALS = fcntl.F_SEAL_WRITE | fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_GROW | fcntl.F_SEAL_SEAL


def create(name: str, size: int) -> int:
    """Make an empty memory file of `size` bytes; the caller owns the descriptor."""
    fd = os.memfd_create(name, os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
    os.ftruncate(fd, size)
    return fd


def seal(fd: int) -> None:
    """Make a memory file immutable for good. No writable shared mapping of it may exist.

    Raises:
        OSError: EBUSY, one does.
    """
    fcntl.fcntl(fd, fcntl.F_ADD_SEALS, _SEALS)


def is_sealed(fd: int) -> bool:
    """Tell whether nobody can change a memory file any more."""
    return fcntl.fcntl(fd, fcntl.F_GET_SEALS) & _SEALS == _SEALS


def data_extents(fd: int) -> Iterator[tuple[int, int]]:
    """Give start and end of every part of a file that is not a hole."""
    end = 0
    size = os.fstat(fd).st_size
    while end < size:
        try:
            start = os.lseek(fd, end, os.SEEK_DATA)
        except OSError:  # ENXIO: only a hole is left
            return
        end = os.lseek(fd, start, os.SEEK_HOLE)
        yield start, end


def load(source: int, target: int) -> None:
    """Copy the parts of `source` that are not holes to the same places in `target`."""
    for start, end in data_extents(source):
        os.lseek(target, start, os.SEEK_SET)
        at = start
        while at < end:
            at += os.sendfile(target, source, at, end - at)


def save(source: int, target: int) -> None:
    """Copy what is not zero in `source` to the same places in `target`, leaving holes between."""
    os.ftruncate(target, os.fstat(source).st_size)
    zeros = bytes(_BLOCK)
    for start, end in data_extents(source):
        for chunk_at in range(start, end, _CHUNK):
            chunk = memoryview(os.pread(source, min(_CHUNK, end - chunk_at), chunk_at))
            _write_nonzero(target, chunk, chunk_at, zeros)


def _write_nonzero(target: int, chunk: memoryview, chunk_at: int, zeros: bytes) -> None:
    for offset in range(0, len(chunk), _BLOCK):
        block = chunk[offset : offset + _BLOCK]
        if block != zeros[: len(block)]:
            os.pwrite(target, block, chunk_at + offset)
