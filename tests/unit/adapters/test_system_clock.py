"""The machine's own clock."""

from __future__ import annotations

from datetime import timedelta

import anyio
import pytest

from terraphim_runner.adapters.system_clock import SystemClock


def test_now_knows_its_time_zone() -> None:
    """A time without a zone could not be compared with a ledger's."""
    assert SystemClock().now().utcoffset() == timedelta(0)


def test_monotonic_time_does_not_go_back() -> None:
    """Two readings are in order."""
    clock = SystemClock()

    assert clock.monotonic_s() <= clock.monotonic_s()


def test_sleeping_takes_the_time_it_was_given() -> None:
    """The wait is real, and not shorter."""
    clock = SystemClock()
    before_s = clock.monotonic_s()

    anyio.run(clock.sleep_s, 0.01)

    assert clock.monotonic_s() - before_s >= 0.01


def test_a_wait_that_is_already_over_lets_other_tasks_run() -> None:
    """A loop that is late must not starve the rest of the program."""

    async def scenario() -> list[str]:
        order: list[str] = []

        async def other() -> None:
            order.append("other")

        async with anyio.create_task_group() as tasks:
            tasks.start_soon(other)
            await SystemClock().sleep_s(-1)
            order.append("sleeper")
        return order

    assert anyio.run(scenario) == ["other", "sleeper"]


def test_a_wait_can_be_cancelled() -> None:
    """Nothing waits for a sleeper that nobody wants any more."""

    async def scenario() -> bool:
        with anyio.move_on_after(0.01) as scope:
            await SystemClock().sleep_s(3600)
            pytest.fail("the sleeper woke by itself")
        return scope.cancelled_caught

    assert anyio.run(scenario)
