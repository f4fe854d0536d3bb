"""Which files of a work tree are shipped."""

from __future__ import annotations

import os
import stat
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import anyio.to_thread

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from terraphim_runner.adapters.work_tree.git import Git

_GITLINK = b"160000"


@dataclass(frozen=True, slots=True)
class Listing:
    """What git knows of a work tree, as paths relative to its root."""

    files: list[str]  # tracked, or neither tracked nor ignored; present; sorted
    submodules: list[str]
    nested: list[str]  # repositories within, that git knows nothing of


async def list_work_tree(git: Git, root: Path) -> Listing:
    """Ask git, then leave out what is not there any more."""
    tracked: list[bytes] = []
    submodules: list[bytes] = []
    for record in _records(await git.run("ls-files", "-z", "--stage")):
        facts, _, path = record.partition(b"\t")
        (submodules if facts.startswith(_GITLINK) else tracked).append(path)
    others = list(_records(await git.run("ls-files", "-z", "--others", "--exclude-standard")))
    disk = _Disk(os.fsencode(root))
    return await anyio.to_thread.run_sync(_keep_present, disk, [*tracked, *others], submodules)


def _keep_present(disk: _Disk, paths: list[bytes], submodules: list[bytes]) -> Listing:
    return Listing(
        files=_texts(path for path in paths if not path.endswith(b"/") and disk.is_file(path)),
        submodules=_texts(path for path in submodules if disk.is_directory(path)),
        nested=_texts(path.rstrip(b"/") for path in paths if path.endswith(b"/")),
    )


def _records(output: bytes) -> Iterator[bytes]:
    return (record for record in output.split(b"\0") if record)


def _texts(paths: Iterable[bytes]) -> list[str]:
    return sorted({os.fsdecode(path) for path in paths})


@dataclass(frozen=True, slots=True)
class _Disk:
    """What there really is below `root`."""

    root: bytes
    known_directories: dict[bytes, bool] = field(default_factory=lambda: {b"": True})

    def is_file(self, path: bytes) -> bool:
        if not self.is_directory(path.rpartition(b"/")[0]):
            return False
        mode = self._mode(path)
        return stat.S_ISREG(mode) or stat.S_ISLNK(mode)

    def is_directory(self, path: bytes) -> bool:
        """Tell whether it is reached through directories only: what lies behind a link is not part of the tree."""
        if path not in self.known_directories:
            is_reached = self.is_directory(path.rpartition(b"/")[0])
            self.known_directories[path] = is_reached and stat.S_ISDIR(self._mode(path))
        return self.known_directories[path]

    def _mode(self, path: bytes) -> int:
        try:
            return os.lstat(self.root + b"/" + path).st_mode
        except (FileNotFoundError, NotADirectoryError):
            return 0
