"""The files that `actions/checkout` yields in a local run."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from contextlib import AbstractAsyncContextManager

    from terraphim_runner.ports.vm import Tree


class WorkTree(Protocol):
    """A snapshot of the repository the user stands in.

    A directory that is no repository is taken as one without a commit; whoever made the object is told so.
    """

    def snapshot(self) -> AbstractAsyncContextManager[Tree]:
        """List the tracked and the untracked, not ignored, files, and a `.git` of depth one.

        `git status` in the copy shows what it shows here, except that nothing is staged.
        The tree is valid inside the context only.

        Raises:
            HostError: git is missing or cannot read the repository.
        """
        ...
