"""Run again whenever something changed."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import anyio

from terraphim_runner.executor.beside import running_beside
from terraphim_runner.executor.cancellation import Cancellation

if TYPE_CHECKING:
    from collections.abc import AsyncIterable, Awaitable, Callable


class Watch:
    """Carries out `run`, and again after each change.

    A change cancels a run that is under way, in good order, for its result would be one of files that are no more;
    the next run begins when that one has ended.
    """

    def __init__(self, changes: AsyncIterable[object], run: Callable[[Cancellation], Awaitable[None]]) -> None:
        """Wait for `changes`; each says that something changed, not what."""
        self._changes = changes
        self._run = run
        self._something = anyio.Event()  # happened: a change, or a request to stop
        self._is_over = False

    async def go_on(self, stop: Cancellation) -> None:
        """Run and watch until `stop` is requested; a run that is under way then is cancelled too."""
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(self._follow)
            tasks.start_soon(self._await_stop, stop)
            while not self._is_over:
                self._something = anyio.Event()
                cancellation = Cancellation()
                async with running_beside(partial(self._cancel_at_something, cancellation)):
                    await self._run(cancellation)
                if not stop.is_requested:
                    await self._something.wait()
            tasks.cancel_scope.cancel()

    async def _follow(self) -> None:
        async for _ in self._changes:
            self._something.set()

    async def _await_stop(self, stop: Cancellation) -> None:
        await stop.wait_requested()
        self._is_over = True
        self._something.set()

    async def _cancel_at_something(self, cancellation: Cancellation) -> None:
        await self._something.wait()
        cancellation.request()
