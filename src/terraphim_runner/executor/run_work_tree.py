"""The work tree as all jobs of one run see it."""

from __future__ import annotations

from contextlib import AsyncExitStack, asynccontextmanager
from typing import TYPE_CHECKING, Self

import anyio

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from terraphim_runner.ports.vm import Tree
    from terraphim_runner.ports.work_tree import Revision, WorkTree


class RunWorkTree:
    """A `WorkTree` whose snapshots are taken once and last to the end of the run.

    So every job checks out the same tree, as on GitHub, and a provider knows a tree again that it has shipped. An
    async context manager: at its end the snapshots are gone.
    """

    def __init__(self, work_tree: WorkTree) -> None:
        """Take nothing yet."""
        self._work_tree = work_tree
        self._trees: dict[tuple[Revision | None, bool], Tree] = {}
        self._taking = anyio.Lock()
        self._snapshots = AsyncExitStack()

    async def __aenter__(self) -> Self:
        """Begin."""
        return self

    async def __aexit__(self, *error: object) -> None:
        """Let go of every snapshot."""
        with anyio.CancelScope(shield=True):
            await self._snapshots.aclose()

    async def find(self, ref: str) -> Revision | None:
        """See the port."""
        return await self._work_tree.find(ref)

    @asynccontextmanager
    async def snapshot(
        self, revision: Revision | None = None, *, has_history: bool = False
    ) -> AsyncIterator[Tree]:
        """See the port; the same tree for the same request."""
        key = (revision, has_history)
        async with self._taking:
            if key not in self._trees:
                snapshot = self._work_tree.snapshot(revision, has_history=has_history)
                self._trees[key] = await self._snapshots.enter_async_context(snapshot)
        yield self._trees[key]
