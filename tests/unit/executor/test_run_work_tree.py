"""All jobs of a run see one work tree."""

from __future__ import annotations

from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import anyio
import anyio.lowlevel
import pytest

from terraphim_runner.domain.errors import HostError
from terraphim_runner.executor.run_work_tree import RunWorkTree
from terraphim_runner.ports.vm import Tree
from terraphim_runner.ports.work_tree import Revision

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

pytestmark = pytest.mark.anyio


class _Counting:
    def __init__(self, failures: int = 0) -> None:
        self.taken = 0
        self.open = 0
        self._failures = failures

    async def find(self, ref: str) -> Revision | None:
        return Revision(ref)

    @asynccontextmanager
    async def snapshot(
        self, revision: Revision | None = None, *, has_history: bool = False
    ) -> AsyncIterator[Tree]:
        await anyio.lowlevel.checkpoint()
        self.taken += 1
        if self.taken <= self._failures:
            raise HostError("no room")
        self.open += 1
        yield Tree(Path("/"), [str(revision), str(has_history)])
        self.open -= 1


async def test_the_same_is_taken_once_also_at_the_same_time_and_lasts_to_the_end() -> None:
    counting, trees = _Counting(), list[Tree]()

    async def take(work_tree: RunWorkTree) -> None:
        async with work_tree.snapshot() as tree:
            trees.append(tree)

    async with RunWorkTree(counting) as work_tree, anyio.create_task_group() as tasks:
        for _ in range(3):
            tasks.start_soon(take, work_tree)
    one, *others = trees

    assert [other is one for other in others] == [True, True]
    assert (counting.taken, counting.open) == (1, 0)


async def test_another_commit_and_one_with_history_are_others() -> None:
    counting = _Counting()
    async with RunWorkTree(counting) as work_tree:
        for revision, has_history in ((None, False), (None, True), (Revision("a"), False), (Revision("a"), False)):
            async with work_tree.snapshot(revision, has_history=has_history):
                pass

    assert counting.taken == 3


async def test_what_failed_is_tried_again() -> None:
    async with RunWorkTree(_Counting(failures=1)) as work_tree:
        with pytest.raises(HostError):
            async with work_tree.snapshot():
                pass
        async with work_tree.snapshot() as tree:
            assert tree.paths == ["None", "False"]
