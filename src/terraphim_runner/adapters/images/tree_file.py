"""Files the builder adds to a guest's tree, and the tar archive in which they travel there."""

from __future__ import annotations

import hashlib
import io
import tarfile
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable


# Not 0: zip archives, and with them Python wheels, cannot hold dates before 1980.
MODIFIED = 1_577_836_800


@dataclass(frozen=True, slots=True, order=True)
class TreeFile:
    """A file of the guest: its absolute path there, content, permissions and numeric owner."""

    path: str
    content: bytes
    mode: int = 0o644
    owner: tuple[int, int] = (0, 0)

    def fingerprint(self) -> list[str | int]:
        """Give what tells this file from another, for a digest over many."""
        return [self.path, hashlib.sha256(self.content).hexdigest(), self.mode, *self.owner]


def write_tar(files: Iterable[TreeFile]) -> bytes:
    """Write the files into an archive; directories that are missing in the guest are made when it is unpacked."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.GNU_FORMAT) as archive:
        for file in files:
            archive.addfile(_header(file), io.BytesIO(file.content))
    return buffer.getvalue()


def _header(file: TreeFile) -> tarfile.TarInfo:
    header = tarfile.TarInfo(str(PurePosixPath(file.path).relative_to("/")))
    header.size = len(file.content)
    header.mode = file.mode
    header.mtime = MODIFIED
    header.uid, header.gid = file.owner
    return header
