"""Credit bounds what is on its way and in the buffers, and never runs dry for good."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from terraphim_runner.wire.error import WindowExceeded
from terraphim_runner.wire.window import ReceiveWindow, SendWindow


@given(st.integers(1, 1000), st.lists(st.tuples(st.integers(1, 400), st.integers(0, 400))))
def test_a_sender_that_keeps_to_its_credit_is_never_refused_and_never_starves(
    size: int, steps: list[tuple[int, int]]
) -> None:
    sender, receiver = SendWindow(size), ReceiveWindow(size)
    held = 0
    for wanted, eaten in steps:
        sent = min(wanted, sender.available)
        sender.take(sent)
        receiver.receive(sent)
        held += sent
        assert held <= size
        consumed = min(eaten, held)
        held -= consumed
        sender.grant(receiver.consume(consumed))
    sender.grant(receiver.consume(held))

    assert sender.available > 0


def test_more_than_the_credit_is_refused() -> None:
    window = ReceiveWindow(10)
    window.receive(10)
    with pytest.raises(WindowExceeded):
        window.receive(1)


def test_credit_goes_back_in_large_pieces() -> None:
    window = ReceiveWindow(100)
    window.receive(100)

    assert [window.consume(20) for _ in range(5)] == [0, 0, 60, 0, 0]
