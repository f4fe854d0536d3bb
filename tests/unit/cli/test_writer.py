"""Output that a slow reader cannot hold up."""

from __future__ import annotations

import io
import os
import threading

from terraphim_runner.cli.writer import Writer


class _Gate(io.BytesIO):
    """A stream that takes nothing until it is opened."""

    def __init__(self) -> None:
        super().__init__()
        self.opened = threading.Event()
        self.content = b""

    def write(self, data: object) -> int:
        self.opened.wait()
        assert isinstance(data, bytes)
        self.content += data
        return len(data)


class _Frames:
    """A drawing of one character."""

    def paint(self, lines: bytes, *, is_last: bool) -> bytes:
        return lines + (b"!" if is_last else b"*")


def test_writing_does_not_wait_for_the_reader_and_loses_nothing() -> None:
    """20 MB are accepted while the stream takes none of them."""
    gate = _Gate()
    writer = Writer(gate)
    line = "x" * 99_999 + "\n"
    for _ in range(200):
        writer.write(line)
    gate.opened.set()
    writer.close()

    assert gate.content == line.encode() * 200


def test_a_reader_that_went_away_is_no_error() -> None:
    """The rest is dropped, and the writer says so."""
    read, write = os.pipe()
    os.close(read)
    with os.fdopen(write, "wb", buffering=0) as stream:
        writer = Writer(stream)
        for _ in range(100):
            writer.write("lost\n")
        writer.close()

    assert writer.is_broken


def test_the_last_painting_is_without_a_drawing() -> None:
    """The terminal is left as it was found."""
    output = io.BytesIO()
    writer = Writer(output, _Frames())
    writer.write("a line\n")
    writer.close()

    assert b"a line\n" in output.getvalue()
    assert output.getvalue().endswith(b"!")
    assert output.getvalue().count(b"!") == 1


def test_text_that_cannot_be_encoded_is_replaced() -> None:
    """A name with bytes that are no text must not stop the output."""
    output = io.BytesIO()
    writer = Writer(output)
    writer.write("odd \udcff\n")
    writer.close()

    assert output.getvalue() == b"odd ?\n"
