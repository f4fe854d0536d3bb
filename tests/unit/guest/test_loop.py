"""The agent's event loop."""

from __future__ import annotations

import os
import signal
from typing import TYPE_CHECKING, NoReturn

import pytest

from terraphim_runner.guest.loop import Loop

if TYPE_CHECKING:
    from collections.abc import Iterator


def fail(error: Exception) -> NoReturn:
    raise error


@pytest.fixture
def loop() -> Iterator[Loop]:
    """A loop, which gives this process back what it took of it."""
    before = signal.getsignal(signal.SIGCHLD)
    loop = Loop(fail)
    yield loop
    os.close(signal.set_wakeup_fd(-1))
    os.close(loop._wake_fd)
    signal.signal(signal.SIGCHLD, before)


def test_timers_run_when_they_are_due_in_whatever_order_they_were_set(loop: Loop) -> None:
    """A long one, as for the end of output, is often set before a short one."""
    said: list[str] = []
    loop.call_later(0.02, lambda: said.append("late"))
    loop.call_later(0, lambda: said.append("early"))
    loop.call_later(0.01, lambda: said.append("between"))
    while len(said) < 3:
        loop.turn()

    assert said == ["early", "between", "late"]


def test_a_timer_that_was_cancelled_says_nothing(loop: Loop) -> None:
    """Nor does it keep others from running."""
    said: list[str] = []
    loop.call_later(0, lambda: said.append("cancelled")).cancel()
    loop.call_later(0, lambda: said.append("due"))
    while not said:
        loop.turn()

    assert said == ["due"]
