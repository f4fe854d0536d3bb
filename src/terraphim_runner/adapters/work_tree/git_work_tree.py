"""The `WorkTree` of the directory that the user stands in."""

from __future__ import annotations

from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import anyio
import anyio.to_thread

from terraphim_runner.adapters.work_tree.git import Git
from terraphim_runner.adapters.work_tree.listing import list_work_tree
from terraphim_runner.adapters.work_tree.scratch import Scratch
from terraphim_runner.adapters.work_tree.shallow_repository import Source, make_shallow_repository
from terraphim_runner.domain.errors import HostError
from terraphim_runner.ports.vm import Tree
from terraphim_runner.ports.work_tree import Revision

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from terraphim_runner.adapters.work_tree.listing import Listing


class GitWorkTree:
    """Ships the repository around `directory`; `warn` is told what a user may not expect."""

    def __init__(self, directory: Path, scratch_dir: Path, warn: Callable[[str], None]) -> None:
        """Look at nothing yet; temporary files go below `scratch_dir`."""
        self._directory = directory
        self._scratch_dir = scratch_dir
        self._warn = warn

    async def find(self, ref: str) -> Revision | None:
        """See the port."""
        git = Git(self._directory)
        if not await git.is_repository():
            return None
        short = ref.removeprefix("refs/heads/").removeprefix("refs/tags/")
        for place, branch in (("refs/heads/", short), ("refs/remotes/origin/", short), ("refs/tags/", None)):
            name = place + short
            is_meant = not ref.startswith("refs/") or ref in {name, f"refs/heads/{branch}"}
            if is_meant and await git.complaint("show-ref", "--verify", "--quiet", name) is None:
                return await _revision(git, name, branch)
        return await _revision(git, ref, None)

    @asynccontextmanager
    async def snapshot(
        self, revision: Revision | None = None, *, has_history: bool = False
    ) -> AsyncIterator[Tree]:
        """See the port; what was made for it is gone after the context."""
        source = replace(await self._find_source(), has_history=has_history)
        scratch = await _make_scratch(self._scratch_dir)
        try:
            if revision is None:
                yield await self._make_tree(source, scratch.path)
            else:
                yield await _make_tree_of(source, revision, scratch.path)
        finally:
            with anyio.CancelScope(shield=True):
                await anyio.to_thread.run_sync(scratch.remove)

    async def _find_source(self) -> Source:
        git = Git(self._directory)
        if await git.is_repository():
            return await _describe(git)
        self._warn(
            f"{self._directory} is not a git repository: the run gets every file that .gitignore does not name, "
            "and a repository without commits"
        )
        return Source(self._directory)

    async def _make_tree(self, source: Source, scratch: Path) -> Tree:
        copy = scratch / "repository"
        empty = scratch / "empty"
        for directory in (copy, empty):
            await anyio.Path(directory).mkdir()
        git_dir = await make_shallow_repository(source, copy)
        # Where there is no repository, the new one serves to find out what is ignored.
        options = () if source.index else (f"--git-dir={git_dir}", f"--work-tree={source.root}")
        listing = await list_work_tree(Git(source.root, *options), source.root)
        self._warn_of_omissions(listing)
        extra = {".git": git_dir} | dict.fromkeys(listing.submodules, empty)
        return Tree(source.root, listing.files, extra)

    def _warn_of_omissions(self, listing: Listing) -> None:
        for path in listing.nested:
            self._warn(f"{path} is a git repository of its own and not a submodule: it is left out")
        for path in listing.submodules:
            self._warn(f"the submodule {path} is left empty, as actions/checkout leaves it by default")


async def _make_tree_of(source: Source, revision: Revision, scratch: Path) -> Tree:
    """Let git write the files of another commit."""
    copy, files = scratch / "repository", scratch / "files"
    for directory in (copy, files):
        await anyio.Path(directory).mkdir()
    other = replace(source, root=files, index=None, commit=revision.commit, branch=revision.branch)
    git_dir = await make_shallow_repository(other, copy)
    git = Git(files, f"--git-dir={git_dir}", f"--work-tree={files}", "-c", "core.hooksPath=/dev/null")
    await git.run("checkout-index", "--all", "--force")
    await git.complaint("update-index", "-q", "--refresh")
    listing = await list_work_tree(git, files)
    return Tree(files, listing.files, {".git": git_dir})


async def _revision(git: Git, name: str, branch: str | None) -> Revision | None:
    commit = await git.line("rev-parse", "--quiet", "--verify", f"{name}^{{commit}}")
    return None if commit is None else Revision(commit, branch)


async def _make_scratch(parent: Path) -> Scratch:
    try:
        return await anyio.to_thread.run_sync(Scratch, parent)
    except OSError as error:
        raise HostError(
            f"cannot make a temporary directory in {parent}: {error.strerror}",
            hint="set state_dir to a directory you can write",
        ) from error


async def _describe(git: Git) -> Source:
    root = await git.line("rev-parse", "--show-toplevel")
    index = await git.line("rev-parse", "--path-format=absolute", "--git-path", "index")
    objects = await git.line("rev-parse", "--path-format=absolute", "--git-path", "objects")
    shallow = await git.line("rev-parse", "--path-format=absolute", "--git-path", "shallow")
    if root is None or index is None or objects is None:
        raise HostError(f"git does not say where the repository of {git.directory} is")
    return Source(
        root=Path(root),
        index=Path(index),
        objects=Path(objects),
        shallow=None if shallow is None else Path(shallow),
        commit=await git.line("rev-parse", "--quiet", "--verify", "HEAD^{commit}"),
        branch=await git.line("symbolic-ref", "--quiet", "--short", "HEAD"),
        object_format=await git.line("rev-parse", "--show-object-format") or "sha1",
        remote_url=await git.line("config", "--get", "remote.origin.url"),
    )
