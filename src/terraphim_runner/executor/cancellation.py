"""Being asked to stop."""

from __future__ import annotations

from typing import TYPE_CHECKING

import anyio

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable


class Cancellation:
    """A request to stop in good order: steps with `always()` and the clean-up still run.

    One with a parent is also requested when its parent is: a job's, of a run.
    """

    def __init__(self, parent: Cancellation | None = None) -> None:
        """Start unrequested."""
        self.reason = RUN_CANCELLED
        self._requested = anyio.Event()
        self._parent = parent

    def request(self) -> None:
        """Ask; may be repeated. The parent does not hear of it."""
        self._requested.set()

    @property
    def is_requested(self) -> bool:
        """Whether somebody asked."""
        return self._requested.is_set() or (self._parent is not None and self._parent.is_requested)

    @property
    def is_insisted(self) -> bool:
        """Whether the time to end in good order is over."""
        return self._insisted.is_set()

    async def wait_requested(self) -> None:
        """Wait until somebody asks."""
        async with anyio.create_task_group() as tasks:
            if self._parent is not None:
                tasks.start_soon(_relay, self._parent.wait_requested, tasks.cancel_scope)
            await self._requested.wait()
            tasks.cancel_scope.cancel()


async def _relay(wait: Callable[[], Awaitable[None]], scope: anyio.CancelScope) -> None:
    await wait()
    scope.cancel()
