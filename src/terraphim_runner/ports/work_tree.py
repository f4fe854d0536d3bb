"""The files that `actions/checkout` yields in a local run."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from contextlib import AbstractAsyncContextManager

    from terraphim_runner.ports.vm import Tree


class WorkTree(Protocol):
    """A snapshot of the repository the user stands in."""

    def snapshot(self) -> AbstractAsyncContextManager[Tree]:
        """List the tracked and the untracked, not ignored, files, and a `.git` of depth one.

        The tree is valid inside the context only.

        Raises:
            HostError: not a git repository, or git is missing.
        """
        ...
