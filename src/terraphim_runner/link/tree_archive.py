"""A tree of the host's as a tar stream."""

from __future__ import annotations

import os
import stat
import tarfile
from typing import TYPE_CHECKING

from terraphim_runner.domain.errors import FileTransferFailed

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from terraphim_runner.ports.vm import Tree

_CHUNK = 256 * 1024


def archive_tree(tree: Tree) -> Iterator[bytes]:
    """Give a tree's tar stream in chunks of about 256 KiB; reads the files as it goes, so run it in a thread.

    Raises:
        FileTransferFailed: a listed file is gone, cannot be read, or is neither file nor symbolic link.
    """
    chunk = bytearray()
    for piece in _pieces(tree):
        chunk += piece
        if len(chunk) >= _CHUNK:
            yield bytes(chunk)
            chunk.clear()
    yield bytes(chunk) + bytes(2 * tarfile.BLOCKSIZE)


def _pieces(tree: Tree) -> Iterator[bytes]:
    for name, source in _sources(tree):
        try:
            yield from _member(name, source)
        except OSError as exc:
            raise FileTransferFailed(f"cannot ship {name}: {exc.strerror}") from exc


def _sources(tree: Tree) -> Iterable[tuple[str, Path]]:
    for name in tree.paths:
        yield name, tree.root / name
    for name, directory in tree.extra.items():
        yield name, directory
        for parent, directories, files in os.walk(directory, onerror=_refuse):
            for entry in sorted((*directories, *files)):
                source = directory.joinpath(parent, entry)
                yield f"{name}/{source.relative_to(directory)}", source


def _refuse(error: OSError) -> None:
    raise FileTransferFailed(f"cannot ship {error.filename}: {error.strerror}") from error


def _member(name: str, source: Path) -> Iterator[bytes]:
    status = source.lstat()
    info = tarfile.TarInfo(name)
    info.mode = stat.S_IMODE(status.st_mode)
    info.mtime = int(status.st_mtime)
    if stat.S_ISLNK(status.st_mode):
        info.type, info.linkname = tarfile.SYMTYPE, os.readlink(source)  # noqa: PTH115 - a Path would tidy it up
    elif stat.S_ISDIR(status.st_mode):
        info.type = tarfile.DIRTYPE
    elif not stat.S_ISREG(status.st_mode):
        raise FileTransferFailed(f"cannot ship {name}: neither a file nor a symbolic link")
    else:
        yield from _file(info, source)
        return
    yield info.tobuf(tarfile.GNU_FORMAT, "utf-8", "surrogateescape")


def _file(info: tarfile.TarInfo, source: Path) -> Iterator[bytes]:
    with source.open("rb", buffering=0) as file:
        info.size = os.fstat(file.fileno()).st_size
        yield info.tobuf(tarfile.GNU_FORMAT, "utf-8", "surrogateescape")
        left = info.size
        while left:
            data = file.read(min(left, _CHUNK))
            if not data:
                raise FileTransferFailed(f"cannot ship {info.name}: it shrank while it was read")
            left -= len(data)
            yield data
    yield bytes(-info.size % tarfile.BLOCKSIZE)
