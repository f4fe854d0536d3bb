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


class StopReason(Enum):
    """Why a command was stopped."""

    CANCELLED = "cancelled"
    TIMED_OUT = "timed out"


class StopWatch:
    """Stops one command when its job is cancelled or the command's time is up.

    A command that begins when its job is cancelled already, as an `always()` step does, is killed when the time
    for such steps is over.
    """

    def __init__(self, clock: Clock, cancellation: Cancellation, timeout_s: float | None) -> None:
        """Watch for either; without a time, only for the cancellation."""
        self._clock = clock
        self._cancellation = cancellation
        self._is_late = cancellation.is_requested
        self.timeout_s = timeout_s
        self.reason: StopReason | None = None

    async def guard(self, execution: Execution) -> None:
        """Wait for a reason to stop, then send the signals one after the other; cancel this when it ended."""
        if self.timeout_s is None:
            await self._wait_cancelled()
        else:
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(self._wait_timed_out, self.timeout_s, tasks.cancel_scope)
                await self._wait_cancelled()
                tasks.cancel_scope.cancel()
        await self._stop(execution)

    async def _wait_cancelled(self) -> None:
        if self._is_late:
            await self._cancellation.wait_insisted()
        else:
            await self._cancellation.wait_requested()
        self.reason = StopReason.CANCELLED

    async def _wait_timed_out(self, timeout_s: float, scope: anyio.CancelScope) -> None:
        await self._clock.sleep_s(timeout_s)
        self.reason = StopReason.TIMED_OUT
        scope.cancel()

    async def _stop(self, execution: Execution) -> None:
        if not self._cancellation.is_insisted:
            for number, grace_s in _LADDER:
                await execution.signal(number)
                await self._clock.sleep_s(grace_s)
        await execution.signal(signal.SIGKILL)
