"""An `ActionStore` of texts."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from terraphim_runner.ports.action_store import ActionFile
from terraphim_runner.ports.vm import Tree

if TYPE_CHECKING:
    from collections.abc import Mapping

    from terraphim_runner.workflow.action_reference import Repository


class MemoryActions:
    """Repositories as texts of action files: by repository, then by path. Nothing of them is shipped."""

    def __init__(self, own: Repository, manifests: Mapping[Repository, Mapping[str, str]]) -> None:
        """Take the texts."""
        self.own = own
        self._manifests = manifests
        self.shipped: list[Repository] = []

    def has(self, repository: Repository) -> bool:
        """See the port."""
        return repository in self._manifests

    def read(self, repository: Repository, path: str) -> ActionFile | None:
        """See the port."""
        text = self._manifests.get(repository, {}).get(path)
        return None if text is None else ActionFile(f"{repository}/{path}/action.yml", text)

    async def tree(self, repository: Repository) -> Tree:
        """Remember the request, and give an empty tree."""
        self.shipped.append(repository)
        return Tree(Path("/"), ())
