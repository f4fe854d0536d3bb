"""Time that moves only when told to."""

from __future__ import annotations

import heapq
import itertools
from datetime import UTC, datetime, timedelta

import anyio
import anyio.lowlevel

_TURNS = 20
_START = datetime(2026, 1, 1, tzinfo=UTC)


class ManualClock:
    """A clock for tests: `advance_s` moves it and wakes who is due, in order."""

    def __init__(self) -> None:
        """Start at a fixed moment."""
        self._now_s = 0.0
        self._order = itertools.count()
        self._sleepers: list[tuple[float, int, anyio.Event]] = []

    def now(self) -> datetime:
        """Give the start moment plus what was advanced."""
        return _START + timedelta(seconds=self._now_s)

    def monotonic_s(self) -> float:
        """Give the seconds advanced so far."""
        return self._now_s

    async def sleep_s(self, seconds: float) -> None:
        """Return when the clock was advanced by `seconds`."""
        if seconds <= 0:
            await anyio.lowlevel.checkpoint()
            return
        due = anyio.Event()
        heapq.heappush(self._sleepers, (self._now_s + seconds, next(self._order), due))
        await due.wait()

    async def advance_s(self, seconds: float) -> None:
        """Move forward, stopping at every sleeper that falls due so that it runs at its own moment."""
        end_s = self._now_s + seconds
        await wait_quiet()
        while self._sleepers and self._sleepers[0][0] <= end_s:
            self._now_s, _, due = heapq.heappop(self._sleepers)
            due.set()
            await wait_quiet()
        self._now_s = end_s


async def wait_quiet() -> None:
    """Return when every other task waits for something.

    As `anyio.wait_all_tasks_blocked`, which sleeps for a tenth of a second whenever it finds a task at work; so
    the tasks get some turns first.
    """
    for _ in range(_TURNS):
        await anyio.lowlevel.checkpoint()
    await anyio.wait_all_tasks_blocked()
