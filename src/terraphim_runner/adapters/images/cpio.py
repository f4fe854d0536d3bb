"""The archive format the kernel unpacks its initramfs from: cpio, "newc"."""

from __future__ import annotations

import stat
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable


@dataclass(frozen=True, slots=True)
class Entry:
    """A file, directory or device node, owned by root; `mode` holds its type too, as `st_mode` does."""

    path: str
    mode: int
    content: bytes = b""
    device: tuple[int, int] = (0, 0)


def directory(path: str) -> Entry:
    """Make an entry for a directory."""
    return Entry(path, stat.S_IFDIR | 0o755)


def executable(path: str, content: bytes) -> Entry:
    """Make an entry for a program."""
    return Entry(path, stat.S_IFREG | 0o755, content)


def regular(path: str, content: bytes) -> Entry:
    """Make an entry for a plain file."""
    return Entry(path, stat.S_IFREG | 0o644, content)


def character_device(path: str, major: int, minor: int) -> Entry:
    """Make an entry for a character device node."""
    return Entry(path, stat.S_IFCHR | 0o600, device=(major, minor))


def archive(entries: Iterable[Entry]) -> bytes:
    """Write the entries, parents before children as given; the same entries give the same bytes."""
    members = [*entries, Entry("TRAILER!!!", 0)]
    return b"".join(_member(number, entry) for number, entry in enumerate(members, start=1))


def _member(inode: int, entry: Entry) -> bytes:
    name = entry.path.encode() + b"\0"
    links = 2 if stat.S_ISDIR(entry.mode) else 1
    # inode, mode, uid, gid, links, mtime, size, device, device of the node, length of the name, checksum
    fields = (inode, entry.mode, 0, 0, links, 0, len(entry.content), 0, 0, *entry.device, len(name), 0)
    header = b"070701" + b"".join(b"%08X" % field for field in fields)
    return _padded(header + name) + _padded(entry.content)


def _padded(data: bytes) -> bytes:
    return data + bytes(-len(data) % 4)
