"""The files that `actions/checkout` yields in a local run."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from contextlib import AbstractAsyncContextManager

    from terraphim_runner.ports.vm import Tree


@dataclass(frozen=True, slots=True)
class Revision:
    """A commit of the repository, and the branch that it was named by, if it was."""

    commit: str
    branch: str | None = None


class WorkTree(Protocol):
    """A snapshot of the repository the user stands in.

    A directory that is no repository is taken as one without a commit; whoever made the object is told so.
    """

    async def find(self, ref: str) -> Revision | None:
        """Look up a branch, a tag or a commit, whether this clone's own or its origin's; None if there is none.

        Raises:
            HostError: git is missing or cannot read the repository.
        """
        ...

    def snapshot(
        self, revision: Revision | None = None, *, has_history: bool = False
    ) -> AbstractAsyncContextManager[Tree]:
        """List the tracked and the untracked, not ignored, files, and a `.git` of depth one.

        `git status` in the copy shows what it shows here, except that nothing is staged. With a `revision` it is
        that commit's files instead. With `has_history` the `.git` has all commits, branches and tags of this
        clone, its branches as those of `origin`.
        The tree is valid inside the context only.

        Raises:
            HostError: git is missing or cannot read the repository.
        """
        ...
