"""The `ActionStore` of directories on this machine."""

from __future__ import annotations

from typing import TYPE_CHECKING

import anyio.to_thread

from terraphim_runner.adapters.work_tree.git import Git
from terraphim_runner.adapters.work_tree.listing import list_work_tree
from terraphim_runner.domain.errors import HostError
from terraphim_runner.ports.action_store import ACTION_FILES, DOCKER_FILES, ActionFile
from terraphim_runner.ports.vm import Tree

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from terraphim_runner.ports.action_store import ActionMapping
    from terraphim_runner.workflow.action_reference import Repository


class LocalActions:
    """Finds actions in the work tree and in the directories that the user mapped."""

    def __init__(self, own: Repository, work_tree: Path, mapped: Sequence[ActionMapping]) -> None:
        """Look at nothing yet. A mapping for one version comes before one for any."""
        self.own = own
        self._work_tree = work_tree
        self._mapped = sorted(mapped, key=lambda each: each.ref is None)

    def has(self, repository: Repository) -> bool:
        """See the port."""
        return self._find(repository) is not None

    def read(self, repository: Repository, path: str) -> ActionFile | None:
        """See the port."""
        directory = self._find(repository)
        if directory is None:
            return None
        for name in (*ACTION_FILES, *DOCKER_FILES):
            file = directory / path / name
            if file.is_file() and directory.resolve() in file.resolve().parents:  # no link leads out of it
                text = _read(file) if name in ACTION_FILES else None
                return ActionFile(self._shown(repository, path, name), text)
        return None

    async def tree(self, repository: Repository) -> Tree:
        """See the port."""
        directory = self._find(repository)
        if directory is None:
            raise HostError(f"{repository} is not mapped to a directory")
        git = Git(directory)
        if repository == self.own and await git.is_repository():
            return Tree(directory, (await list_work_tree(git, directory)).files, is_passing=True)
        return Tree(directory, await anyio.to_thread.run_sync(_all_files, directory), is_passing=True)

    def _find(self, repository: Repository) -> Path | None:
        for mapped in self._mapped:
            if mapped.stands_for(repository):
                return mapped.directory
        return self._work_tree if repository == self.own else None

    def _shown(self, repository: Repository, path: str, name: str) -> str:
        relative = f"{path}/{name}" if path else name
        return relative if repository == self.own else f"{repository.name}@{repository.ref}/{relative}"


def _read(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8", errors="replace")
    except OSError as error:
        raise HostError(f"cannot read {file}: {error.strerror}") from error


def _all_files(directory: Path) -> list[str]:
    """List what is below, ignored files too: what an action is built to often is."""
    found = ((path, path.relative_to(directory)) for path in directory.rglob("*"))
    return sorted(
        str(name) for path, name in found if ".git" not in name.parts and (path.is_symlink() or path.is_file())
    )
