"""Images: what a VM boots."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from datetime import datetime
    from pathlib import Path


@dataclass(frozen=True, slots=True)
class Image:
    """A built image: immutable files on this machine."""

    name: str  # the recipe's name
    digest: str  # hex SHA-256 of everything that went into it, the guest agent included
    kernel: Path  # uncompressed vmlinux, bootable by PVH
    initramfs: Path
    root_disk: Path  # raw ext4
    size_bytes: int  # on disk, holes not counted
    built_at: datetime


class ImageStore(Protocol):
    """Find images on this machine."""

    def find(self, name: str) -> Image:
        """Find an image by its recipe's name or by a digest prefix of at least 8 characters.

        A name means the image of that recipe *as the recipe and the agent are now*; an older build is not it.

        Raises:
            ImageMissing: there is none; the hint is the command that builds it.
        """
        ...
