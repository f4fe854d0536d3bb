"""Why and how the work of a step is stopped before its end."""

from __future__ import annotations

import signal
from contextlib import contextmanager
from enum import Enum
from typing import TYPE_CHECKING

import anyio

from terraphim_runner.executor.occasion import Occasion

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from contextlib import AbstractContextManager

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
        self._requested = Occasion()
        self._insisted = Occasion()
        self.reason: StopReason | None = None

    def request(self, reason: StopReason) -> None:
        """Stop the step; may be repeated."""
        self.reason = self.reason or reason
        self._requested.come()

    def insist(self) -> None:
        """Stop the step without more ado: what it runs is killed."""
        self.request(StopReason.CANCELLED)
        self._insisted.come()

    def when_requested(self, call: Callable[[], object]) -> AbstractContextManager[None]:
        """Have `call` called when the step is to stop, as by `Occasion.calling`."""
        return self._requested.calling(call)

    def when_insisted(self, call: Callable[[], object]) -> AbstractContextManager[None]:
        """Have `call` called when there is no more time for the step, as by `Occasion.calling`."""
        return self._insisted.calling(call)

    async def guard(self, execution: Execution) -> None:
        """Wait until the step is to stop, then send the signals one after the other; cancel this when it ended."""
        await self._requested.wait()
        for number, grace_s in _LADDER:
            if not self._insisted.has_come:
                await execution.signal(number)
                await self._wait_out(grace_s)
        await execution.signal(signal.SIGKILL)

    async def _wait_out(self, grace_s: float) -> None:
        with anyio.CancelScope() as scope, self._insisted.calling(scope.cancel):
            await self._clock.sleep_s(grace_s)

    @contextmanager
    def cutting_short(self) -> Iterator[None]:
        """Leave the block when the step is to stop: for work that is no command and gets no signals."""
        with anyio.CancelScope() as scope, self._requested.calling(scope.cancel):
            yield
