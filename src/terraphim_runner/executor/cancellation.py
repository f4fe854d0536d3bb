"""Being asked to stop."""

from __future__ import annotations

import anyio

RUN_CANCELLED = "the run was cancelled"


class Cancellation:
    """A request to stop a run, or one job of it, in good order: steps with `always()` and the clean-up still run.

    Its time for that is limited: after it, `insist` ends what still runs, and no step begins any more.
    """

    def __init__(self) -> None:
        """Start unrequested."""
        self.reason = RUN_CANCELLED
        self._requested = anyio.Event()
        self._insisted = anyio.Event()

    def request(self, reason: str = RUN_CANCELLED) -> None:
        """Ask; may be repeated, the first reason stays."""
        if not self._requested.is_set():
            self.reason = reason
            self._requested.set()

    def insist(self) -> None:
        """Be out of patience; may be repeated."""
        self._insisted.set()

    @property
    def is_requested(self) -> bool:
        """Whether somebody asked."""
        return self._requested.is_set()

    @property
    def is_insisted(self) -> bool:
        """Whether the time to end in good order is over."""
        return self._insisted.is_set()

    async def wait_requested(self) -> None:
        """Wait until somebody asks."""
        await self._requested.wait()

    async def wait_insisted(self) -> None:
        """Wait until the time to end in good order is over."""
        await self._insisted.wait()
