"""A tar stream from a guest as files of the host's. The guest is not trusted."""

from __future__ import annotations

import os
import shutil
import tarfile
from contextlib import contextmanager
from pathlib import PurePosixPath
from typing import IO, TYPE_CHECKING, Self

from terraphim_runner.domain.errors import FileTransferFailed, HostError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_BUFFER = 1024 * 1024
_LONGEST_NAME = 64 * 1024
_LONG_NAMES = frozenset({tarfile.GNUTYPE_LONGNAME, tarfile.GNUTYPE_LONGLINK})
_PLAIN = frozenset({tarfile.REGTYPE, tarfile.AREGTYPE, tarfile.DIRTYPE, tarfile.SYMTYPE})
_NEW_FILE = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
_DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC


class _Member(tarfile.TarInfo):
    """A header of the few kinds that GNU tar writes for files, directories and links; anything else is refused.

    Refused with the rest are extended headers: `tarfile` reads those whole into memory, whatever their size.
    """

    @classmethod
    def frombuf(cls, buf: bytes | bytearray, encoding: str, errors: str) -> Self:
        member = super().frombuf(buf, encoding, errors)
        if member.type in _LONG_NAMES:
            if member.size > _LONGEST_NAME:
                raise FileTransferFailed(f"refused from the guest: a name of {member.size} bytes")
        elif member.type not in _PLAIN:
            raise FileTransferFailed(f"refused from the guest: {member.name} is no file, directory or link")
        return member


def extract_tree(stream: IO[bytes], directory: Path) -> None:
    """Read a tar stream of GNU's format to its end, into a directory that is empty.

    Directories are walked by descriptor and no symbolic link is ever followed. Refused: names and links that lead
    out of the tree, names that come twice, everything that is no file, directory or symbolic link. Set-id bits and
    owners are dropped.

    Raises:
        FileTransferFailed: the stream is no tar stream, ends early, or holds something refused.
        HostError: this machine cannot write it.
    """
    with _translated_errors(), _archive(stream) as archive, _opened_root(directory) as root:
        while (member := archive.next()) is not None:
            _extract(archive, member, root)
            archive.members.clear()  # type: ignore[attr-defined]  # or it remembers every one
        while stream.read(_BUFFER):
            pass


def _archive(stream: IO[bytes]) -> tarfile.TarFile:
    return tarfile.open(
        fileobj=stream, mode="r|", bufsize=_BUFFER, tarinfo=_Member, encoding="utf-8", errors="surrogateescape"
    )


@contextmanager
def _opened_root(directory: Path) -> Iterator[int]:
    root = os.open(directory, _DIRECTORY)
    try:
        yield root
    finally:
        os.close(root)


@contextmanager
def _translated_errors() -> Iterator[None]:
    try:
        yield
    except (tarfile.TarError, EOFError, ValueError, OverflowError) as exc:
        raise FileTransferFailed(f"the guest sent no sound tar stream: {exc}") from exc
    except (FileExistsError, NotADirectoryError) as exc:
        raise FileTransferFailed(f"the guest sent a name twice: {exc.filename}") from exc
    except OSError as exc:
        raise HostError(f"cannot write the guest's files: {exc.strerror}: {exc.filename}") from exc


def _extract(archive: tarfile.TarFile, member: tarfile.TarInfo, root: int) -> None:
    parts = _parts(member.name)
    if not parts:
        return  # the tree's own root
    with _opened(root, parts[:-1]) as parent:
        if member.isdir():
            _make_directory(parts[-1], parent)
        elif member.issym():
            _check_link(parts, member.linkname)
            os.symlink(member.linkname, parts[-1], dir_fd=parent)
        else:
            _write_file(archive, member, parts[-1], parent)


def _parts(name: str) -> tuple[str, ...]:
    path = PurePosixPath(name)
    if path.is_absolute() or ".." in path.parts:
        raise FileTransferFailed(f"refused from the guest: {name} leads out of its tree")
    return path.parts


def _check_link(parts: tuple[str, ...], target: str) -> None:
    depth = len(parts) - 1
    for part in PurePosixPath(target).parts:
        depth += -1 if part == ".." else 1
        if depth < 0 or part == "/":
            raise FileTransferFailed(f"refused from the guest: the link {'/'.join(parts)} leads out of its tree")


@contextmanager
def _opened(root: int, parts: tuple[str, ...]) -> Iterator[int]:
    directory = os.dup(root)
    try:
        for part in parts:
            _make_directory(part, directory)
            inner = os.open(part, _DIRECTORY, dir_fd=directory)
            os.close(directory)
            directory = inner
        yield directory
    finally:
        os.close(directory)


def _make_directory(name: str, parent: int) -> None:
    try:
        os.mkdir(name, 0o755, dir_fd=parent)
    except FileExistsError:
        os.close(os.open(name, _DIRECTORY, dir_fd=parent))  # fails if it is anything else


def _write_file(archive: tarfile.TarFile, member: tarfile.TarInfo, name: str, parent: int) -> None:
    source = archive.extractfile(member)
    target = os.open(name, _NEW_FILE, 0o600, dir_fd=parent)
    with os.fdopen(target, "wb") as file:
        if source is not None:
            shutil.copyfileobj(source, file, _BUFFER)
        os.fchmod(file.fileno(), (member.mode & 0o777) | 0o600)
