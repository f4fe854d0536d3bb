"""Time-outs that a machine is given back the time of in which it could not run."""

from __future__ import annotations

import threading

import anyio
import anyio.lowlevel
import pytest

from terraphim_runner.link.patience import fail_after_running, never_stalled

pytestmark = pytest.mark.anyio


async def test_a_machine_that_could_run_all_the_time_is_not_waited_for_any_longer() -> None:
    with pytest.raises(TimeoutError):
        async with fail_after_running(0.01, never_stalled):
            await anyio.sleep_forever()


async def test_what_is_lost_is_given_back_also_where_this_process_is_late_itself() -> None:
    """Both wait for the same processors: the time-out is over before anybody here could look."""
    answer = anyio.Event()
    stalls = iter([0.0, 1000.0])

    def stall() -> float:
        lost_s = next(stalls)
        if lost_s:
            answer.set()  # only who gets more time will see it
        return lost_s

    async with fail_after_running(0.01, stall):
        await anyio.lowlevel.checkpoint()
        threading.Event().wait(0.05)  # the whole loop is late
        await answer.wait()

    assert list(stalls) == []


async def test_an_error_comes_out_as_it_is() -> None:
    with pytest.raises(LookupError):
        async with fail_after_running(1000.0, never_stalled):
            raise LookupError


async def test_a_time_out_of_the_callers_is_not_taken_for_the_machines() -> None:
    with anyio.move_on_after(0.01) as scope:
        async with fail_after_running(1000.0, never_stalled):
            await anyio.sleep_forever()

    assert scope.cancelled_caught
