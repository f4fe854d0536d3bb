"""Changes of the repository that the user stands in."""

from __future__ import annotations

from typing import TYPE_CHECKING

from terraphim_runner.adapters.work_tree.change import changes_of

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path


def local_changes(directory: Path) -> AsyncIterator[frozenset[Path]]:
    """Give the files that changed, whenever some did that git does not ignore.

    Raises:
        HostError: git is missing, or the system watches no more files.
    """
    return changes_of(directory)
