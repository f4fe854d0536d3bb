"""A work tree as mksquashfs's pseudo file definitions, as a pure function of what was found on disk.

Definitions, not a source directory, because a tree is a list of files, and parts of it may lie elsewhere.
(The obvious `-cpiostyle0` never ends in squashfs-tools 4.5.)
"""

from __future__ import annotations

import stat
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable


@dataclass(frozen=True, slots=True)
class Entry:
    """A file, symbolic link or directory of a tree."""

    path: bytes  # in the tree
    source: bytes  # on this machine, absolute
    mode: int  # as lstat gives it
    link_target: bytes = b""


def definitions(entries: Iterable[Entry], uid: int, gid: int) -> bytes:
    """Write the definitions: every directory before what is in it, parents that nobody named included.

    Raises:
        ValueError: a name cannot be written (a line break in it), or something is no file, link or directory.
    """
    lines: list[bytes] = []
    known: set[bytes] = set()
    for entry in entries:
        for parent in _parents(entry.path):
            if parent not in known:
                known.add(parent)
                lines.append(b"%s d 755 %d %d" % (_quoted(parent), uid, gid))
        if stat.S_ISDIR(entry.mode) and entry.path in known:
            continue
        known.add(entry.path)
        lines.append(_definition(entry, uid, gid))
    return b"".join(line + b"\n" for line in lines)


def _definition(entry: Entry, uid: int, gid: int) -> bytes:
    name, permissions = _quoted(entry.path), stat.S_IMODE(entry.mode)
    if stat.S_ISREG(entry.mode):
        return b"%s l %s" % (name, _quoted(entry.source))
    if stat.S_ISLNK(entry.mode):
        return b"%s s 777 %d %d %s" % (name, uid, gid, _target(entry.link_target))
    if stat.S_ISDIR(entry.mode):
        return b"%s d %o %d %d" % (name, permissions, uid, gid)
    raise ValueError(f"{entry.path!r} is neither a file, nor a link, nor a directory")


def _parents(path: bytes) -> list[bytes]:
    parts = path.split(b"/")[:-1]
    return [b"/".join(parts[: depth + 1]) for depth in range(len(parts))]


def _quoted(name: bytes) -> bytes:
    return b'"' + _plain(name).replace(b"\\", b"\\\\").replace(b'"', b'\\"') + b'"'


def _target(name: bytes) -> bytes:
    if name[:1].isspace():
        raise ValueError(f"a link to {name!r} cannot be written into a pseudo file")
    return _plain(name)


def _plain(name: bytes) -> bytes:
    if b"\n" in name or b"\0" in name or not name:
        raise ValueError(f"{name!r} cannot be written into a pseudo file")
    return name
