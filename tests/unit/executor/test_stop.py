"""How the work of a step is stopped."""

from __future__ import annotations

import signal
from typing import Any, cast

import anyio
import pytest

from terraphim_runner.adapters.memory.clock import ManualClock
from terraphim_runner.executor.stop import Stop, StopReason

pytestmark = pytest.mark.anyio


class _Stubborn:
    """An execution that heeds no signal and keeps them."""

    def __init__(self) -> None:
        self.signals: list[int] = []

    async def signal(self, number: int) -> None:
        self.signals.append(number)


async def test_a_command_gets_one_signal_after_the_other() -> None:
    clock, command = ManualClock(), _Stubborn()
    stop = Stop(clock)
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(stop.guard, cast("Any", command))
        stop.request(StopReason.CANCELLED)
        await anyio.wait_all_tasks_blocked()
        assert command.signals == [signal.SIGINT]
        await clock.advance_s(7.5)
        assert command.signals == [signal.SIGINT, signal.SIGTERM]
        await clock.advance_s(2.5)

    assert command.signals == [signal.SIGINT, signal.SIGTERM, signal.SIGKILL]


async def test_a_command_for_which_there_is_no_more_time_is_killed_at_once() -> None:
    clock, command = ManualClock(), _Stubborn()
    stop = Stop(clock)
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(stop.guard, cast("Any", command))
        stop.request(StopReason.TIMED_OUT)
        await anyio.wait_all_tasks_blocked()
        stop.insist()

    assert command.signals == [signal.SIGINT, signal.SIGKILL]
    assert stop.reason is StopReason.TIMED_OUT


async def test_work_that_is_no_command_is_left_where_it_is() -> None:
    stop = Stop(ManualClock())
    async with anyio.create_task_group() as tasks:
        reached = anyio.Event()

        async def work() -> None:
            with stop.cutting_short():
                reached.set()
                await anyio.sleep_forever()

        tasks.start_soon(work)
        await reached.wait()
        stop.request(StopReason.CANCELLED)


async def test_work_that_ends_by_itself_is_left_alone() -> None:
    stop = Stop(ManualClock())
    with pytest.raises(ValueError, match="its own"), stop.cutting_short():
        raise ValueError("its own")
