"""A queue of lines in bounded memory."""

from __future__ import annotations

import resource
import tempfile
from typing import TYPE_CHECKING, NoReturn

from hypothesis import given
from hypothesis import strategies as st

from terraphim_runner.cli.spool import Spool

if TYPE_CHECKING:
    import pytest


def _drain(spool: Spool) -> bytes:
    taken = []
    while spool:
        taken.append(spool.take())
    return b"".join(taken)


@given(
    st.lists(st.one_of(st.integers(0, 400).map(lambda size: b"x" * size + b"\n"), st.none())), st.integers(0, 1000)
)
def test_lines_come_out_whole_and_in_order(actions: list[bytes | None], memory_bytes: int) -> None:
    """Whatever the order of putting and taking, and however little memory there is."""
    spool = Spool(memory_bytes)
    taken = []
    for action in actions:
        if action is None:
            taken.append(spool.take())
        else:
            spool.put(action)
    pieces = [*taken, _drain(spool)]
    spool.clear()

    assert b"".join(pieces) == b"".join(action for action in actions if action is not None)
    assert all(piece.endswith(b"\n") for piece in pieces if piece)


def test_what_is_too_much_for_memory_waits_in_a_file() -> None:
    """A reader that is slower than a log of any size costs disk, not memory."""
    spool = Spool(1000)
    for number in range(10_000):
        spool.put(b"%d\n" % number)
    in_file = spool.bytes_in_file
    content = _drain(spool)

    assert in_file > 40_000
    assert content == b"".join(b"%d\n" % number for number in range(10_000))
    assert spool.bytes_in_file == 0
    spool.clear()


def test_a_line_longer_than_a_chunk_is_whole() -> None:
    """A chunk ends at the end of a line, however far that is."""
    spool = Spool(0)
    long = b"x" * 1_000_000 + b"\n"
    spool.put(long)
    spool.put(b"next\n")

    assert spool.take() == long + b"next\n"
    spool.clear()


def test_a_full_disk_loses_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """Memory must do then."""

    def fail(*, buffering: int) -> NoReturn:
        raise OSError(buffering)

    monkeypatch.setattr(tempfile, "TemporaryFile", fail)
    spool = Spool(10)
    for line in (b"in memory\n", b"no room\n", b"again\n"):
        spool.put(line)

    assert _drain(spool) == b"in memory\nno room\nagain\n"


def test_a_file_that_may_not_grow_costs_memory_and_no_line() -> None:
    """As on a disk that is full; a part of the line that did not fit is not met again."""
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    spool = Spool(0)
    resource.setrlimit(resource.RLIMIT_FSIZE, (4099, limits[1]))
    try:
        for number in range(1000):
            spool.put(b"%06d\n" % number)
        in_file, content = spool.bytes_in_file, _drain(spool)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)

    assert 0 < in_file <= 4099
    assert content == b"".join(b"%06d\n" % number for number in range(1000))
    spool.clear()
