"""Time-outs for machines: what counts is the time in which a machine could run.

On a busy host a VM waits for processors most of the time. It is then late and not lost; only one that had the time
and is silent all the same hangs.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import anyio

from terraphim_runner.link.single_error import single_error

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

Stall = Callable[[], float]  # for how many seconds altogether the machine wanted to run and could not
_WORTH_WAITING_S = 0.05


def never_stalled() -> float:
    """Be the stall of what has processors to itself."""
    return 0.0


@asynccontextmanager
async def fail_after_running(timeout_s: float, stall: Stall) -> AsyncIterator[None]:
    """Like `anyio.fail_after`, but give back the time in which the machine could not run.

    Raises:
        TimeoutError: it could have run for `timeout_s`.
    """
    with anyio.CancelScope() as scope, single_error():
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(_cancel_after_running, scope, timeout_s, stall)
            yield
            tasks.cancel_scope.cancel()
    if scope.cancelled_caught:
        raise TimeoutError


async def _cancel_after_running(scope: anyio.CancelScope, timeout_s: float, stall: Stall) -> None:
    # Who judges cancels: a deadline of the scope's own would pass unjudged where this process is late.
    counted_s = stall()
    left_s = timeout_s
    while left_s > 0:
        with anyio.move_on_after(left_s):
            await anyio.sleep_forever()
        lost_s = stall() - counted_s
        counted_s += lost_s
        left_s = lost_s if lost_s >= _WORTH_WAITING_S else 0.0
    scope.cancel()
