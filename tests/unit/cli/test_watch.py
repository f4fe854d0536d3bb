"""Runs that follow changes."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import anyio
import pytest

from terraphim_runner.cli.watch import Watch
from terraphim_runner.executor.cancellation import Cancellation

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from anyio.streams.memory import MemoryObjectSendStream

pytestmark = pytest.mark.anyio


class _Runs:
    """Runs that end when they are told to; what happens is told by `begun` and `ended`."""

    def __init__(self) -> None:
        self.begun: list[Cancellation] = []
        self.ended = 0
        self._news = anyio.Event()
        self._endings: list[anyio.Event] = []

    async def run(self, cancellation: Cancellation) -> None:
        ending = anyio.Event()
        self._endings.append(ending)
        self.begun.append(cancellation)
        self._tell()
        await ending.wait()
        self.ended += 1
        self._tell()

    def end(self) -> None:
        self._endings[-1].set()

    async def wait(self, *, begun: int, ended: int) -> None:
        while (len(self.begun), self.ended) != (begun, ended):
            await self._news.wait()

    def _tell(self) -> None:
        self._news.set()
        self._news = anyio.Event()


class _World:
    def __init__(self) -> None:
        self.runs = _Runs()
        self.stop = Cancellation()
        self.changes: MemoryObjectSendStream[str]
        self.changes, self._receive = anyio.create_memory_object_stream[str](10)
        self.watch = Watch(self._receive, self.runs.run)

    def close(self) -> None:
        self.changes.close()
        self._receive.close()


@pytest.fixture
def world() -> _World:
    """A watch that has not begun."""
    return _World()


async def test_a_change_after_a_run_starts_the_next(world: _World) -> None:
    """And nothing runs without one."""
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(partial(world.watch.go_on, world.stop))
        await world.runs.wait(begun=1, ended=0)
        world.runs.end()
        await world.runs.wait(begun=1, ended=1)
        await anyio.wait_all_tasks_blocked()
        assert len(world.runs.begun) == 1
        await world.changes.send("file")
        await world.runs.wait(begun=2, ended=1)
        world.runs.end()
        await world.runs.wait(begun=2, ended=2)
        world.stop.request()
    world.close()

    assert [cancellation.is_requested for cancellation in world.runs.begun] == [False, False]


async def test_a_change_cancels_the_run_under_way_and_the_next_waits_for_its_end(world: _World) -> None:
    """Several changes until then are one."""
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(partial(world.watch.go_on, world.stop))
        await world.runs.wait(begun=1, ended=0)
        await world.changes.send("one")
        await world.changes.send("two")
        await world.runs.begun[0].wait_requested()
        await anyio.wait_all_tasks_blocked()
        assert len(world.runs.begun) == 1
        world.runs.end()
        await world.runs.wait(begun=2, ended=1)
        world.runs.end()
        await world.runs.wait(begun=2, ended=2)
        await anyio.wait_all_tasks_blocked()
        assert len(world.runs.begun) == 2
        world.stop.request()
    world.close()


async def test_a_stop_cancels_the_run_and_waits_for_its_end(world: _World) -> None:
    """Its clean-up included; then nothing more runs, whatever changed."""
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(partial(world.watch.go_on, world.stop))
        await world.runs.wait(begun=1, ended=0)
        world.stop.request()
        await world.runs.begun[0].wait_requested()
        await world.changes.send("late")
        world.runs.end()
    world.close()

    assert (len(world.runs.begun), world.runs.ended) == (1, 1)


async def test_the_end_of_the_watching_itself_is_not_silent(world: _World) -> None:
    """A watch that cannot watch fails."""

    async def broken() -> AsyncIterator[str]:
        raise OSError("no more watches")
        yield ""

    watch = Watch(broken(), world.runs.run)
    with pytest.raises(ExceptionGroup, match="unhandled"):
        await watch.go_on(world.stop)
    world.close()
