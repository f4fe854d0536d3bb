"""Being asked to stop, and how a command is then stopped."""

from __future__ import annotations

import signal
from enum import Enum
from typing import TYPE_CHECKING

import anyio

if TYPE_CHECKING:
    from terraphim_runner.ports.clock import Clock
    from terraphim_runner.ports.vm import Execution

# GitHub's runner waits so long between its signals (ProcessInvoker).
_LADDER = ((signal.SIGINT, 7.5), (signal.SIGTERM, 2.5))


class Cancellation:
    """A request to stop a run in good order: steps with `always()` and the clean-up still run."""

    def __init__(self) -> None:
        """Start unrequested."""
        self._requested = anyio.Event()

    def request(self) -> None:
        """Ask; may be repeated."""
        self._requested.set()

    @property
    def is_requested(self) -> bool:
        """Whether somebody asked."""
        return self._requested.is_set()

    async def wait_requested(self) -> None:
        """Wait until somebody asks."""
        await self._requested.wait()


class StopReason(Enum):
    """Why a command was stopped."""

    CANCELLED = "cancelled"
    TIMED_OUT = "timed out"


class StopWatch:
    """Stops one command when the run is cancelled or the command's time is up."""

    def __init__(self, clock: Clock, cancellation: Cancellation | None, timeout_s: float | None) -> None:
        """Watch for either; None means never."""
        self._clock = clock
        self._cancellation = cancellation
        self.timeout_s = timeout_s
        self.reason: StopReason | None = None

    async def guard(self, execution: Execution) -> None:
        """Wait for a reason to stop, then send the signals one after the other; cancel this when it ended."""
        async with anyio.create_task_group() as tasks:
            if self._cancellation is not None:
                tasks.start_soon(self._wait_cancelled, self._cancellation, tasks.cancel_scope)
            if self.timeout_s is not None:
                tasks.start_soon(self._wait_timed_out, self.timeout_s, tasks.cancel_scope)
        if self.reason is not None:
            await self._stop(execution)

    async def _wait_cancelled(self, cancellation: Cancellation, scope: anyio.CancelScope) -> None:
        await cancellation.wait_requested()
        self.reason = self.reason or StopReason.CANCELLED
        scope.cancel()

    async def _wait_timed_out(self, timeout_s: float, scope: anyio.CancelScope) -> None:
        await self._clock.sleep_s(timeout_s)
        self.reason = self.reason or StopReason.TIMED_OUT
        scope.cancel()

    async def _stop(self, execution: Execution) -> None:
        for number, grace_s in _LADDER:
            await execution.signal(number)
            await self._clock.sleep_s(grace_s)
        await execution.signal(signal.SIGKILL)
