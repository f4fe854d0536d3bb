"""Why and how the work of a step is stopped before its end."""

from __future__ import annotations

import signal
from contextlib import asynccontextmanager
from enum import Enum
from functools import partial
from typing import TYPE_CHECKING

import anyio

from terraphim_runner.executor.beside import running_beside

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable

    from terraphim_runner.ports.clock import Clock
    from terraphim_runner.ports.vm import Execution

# GitHub's runner waits so long between its signals (ProcessInvoker).
_LADDER = ((signal.SIGINT, 7.5), (signal.SIGTERM, 2.5))


class StopReason(Enum):
    """Why a step was stopped."""

    CANCELLED = "cancelled"
    TIMED_OUT = "timed out"


class Stop:
    """The stopping of one step. Everything the step runs watches it; the first reason counts."""

    def __init__(self, clock: Clock) -> None:
        """Start unrequested."""
        self._clock = clock
        self._requested = anyio.Event()
        self._insisted = anyio.Event()
        self.reason: StopReason | None = None

    def request(self, reason: StopReason) -> None:
        """Stop the step; may be repeated."""
        self.reason = self.reason or reason
        self._requested.set()

    def insist(self) -> None:
        """Stop the step without more ado: what it runs is killed."""
        self.request(StopReason.CANCELLED)
        self._insisted.set()

    async def wait_requested(self) -> None:
        """Wait until the step is to stop."""
        await self._requested.wait()

    async def wait_insisted(self) -> None:
        """Wait until there is no more time for the step."""
        await self._insisted.wait()

    async def guard(self, execution: Execution) -> None:
        """Wait until the step is to stop, then send the signals one after the other; cancel this when it ended."""
        await self._requested.wait()
        for number, grace_s in _LADDER:
            if not self._insisted.is_set():
                await execution.signal(number)
                await self._wait_out(grace_s)
        await execution.signal(signal.SIGKILL)

    async def _wait_out(self, grace_s: float) -> None:
        with anyio.CancelScope() as scope:
            async with running_beside(partial(_cancel_after, self._insisted.wait, scope)):
                await self._clock.sleep_s(grace_s)

    @asynccontextmanager
    async def cutting_short(self) -> AsyncIterator[None]:
        """Leave the block when the step is to stop: for work that is no command and gets no signals."""
        with anyio.CancelScope() as scope:
            async with running_beside(partial(_cancel_after, self.wait_requested, scope)):
                yield


async def _cancel_after(wait: Callable[[], Awaitable[object]], scope: anyio.CancelScope) -> None:
    await wait()
    scope.cancel()
