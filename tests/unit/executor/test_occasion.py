"""Something that happens once wakes who waits, and calls who asked for it."""

from __future__ import annotations

import anyio
import pytest

from terraphim_runner.executor.occasion import Occasion

pytestmark = pytest.mark.anyio


async def test_who_waits_wakes_and_who_comes_late_does_not_wait() -> None:
    occasion = Occasion()
    woken = []

    async def wait() -> None:
        await occasion.wait()
        woken.append("one")

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(wait)
        await anyio.wait_all_tasks_blocked()
        assert woken == []
        occasion.come()
    await occasion.wait()

    assert woken == ["one"]


def test_calls_are_made_once_in_order_however_often_it_comes() -> None:
    occasion = Occasion()
    made: list[str] = []
    with occasion.calling(lambda: made.append("one")), occasion.calling(lambda: made.append("two")):
        assert not occasion.has_come
        occasion.come()
        occasion.come()

    assert made == ["one", "two"]
    assert occasion.has_come


def test_what_has_come_already_calls_at_once() -> None:
    occasion = Occasion()
    occasion.come()
    made: list[str] = []
    with occasion.calling(lambda: made.append("one")):
        assert made == ["one"]


def test_nobody_is_called_after_the_block() -> None:
    occasion = Occasion()
    made: list[str] = []
    with pytest.raises(LookupError), occasion.calling(lambda: made.append("one")):
        raise LookupError
    occasion.come()

    assert made == []


def test_a_call_may_ask_to_be_called_again() -> None:
    """It has come by then, so that is done at once and not for ever."""
    occasion = Occasion()
    made: list[str] = []

    def again() -> None:
        made.append("one")
        with occasion.calling(lambda: made.append("two")):
            occasion.come()

    with occasion.calling(again):
        occasion.come()

    assert made == ["one", "two"]
