"""From chunks of bytes to whole lines, in bounded memory."""

from __future__ import annotations

from typing import Protocol

MAX_LINE_BYTES = 256 * 1024  # a longer line is passed on in pieces of about this size
_MAX_CHARACTER_BYTES = 4


class Cutter(Protocol):
    """Knows where a line that is too long may be cut in two."""

    @property
    def margin(self) -> int:
        """How many bytes it has to see beyond a place to tell."""
        ...

    def cut(self, text: str, end: int) -> int:
        """Give the place nearest to `end`; it is greater than 0."""
        ...


class _Anywhere:
    margin = 0

    def cut(self, _text: str, end: int) -> int:
        return end


class LineSplitter:
    """Split one stream into lines, without their newlines; CR LF counts as one.

    At most one unfinished line is kept, and of that `MAX_LINE_BYTES` and the cutter's margin. Bytes that are not
    UTF-8 become U+FFFD.
    """

    def __init__(self, cutter: Cutter | None = None) -> None:
        """Start with nothing unfinished; `cutter` says where lines that are too long may be cut."""
        self._unfinished = bytearray()
        self._cutter: Cutter = cutter or _Anywhere()

    def feed(self, data: bytes) -> list[str]:
        """Take a chunk and give the lines that are complete now."""
        self._unfinished += data
        if b"\n" not in data and len(self._unfinished) < self._limit:
            return []
        complete, newline, rest = bytes(self._unfinished).rpartition(b"\n")
        lines = self._lines(complete) if newline else []
        full, rest = self._cut(rest)
        self._unfinished = bytearray(rest)
        return lines + full

    def finish(self) -> list[str]:
        """Give the last line if it lacks its newline."""
        rest, self._unfinished = bytes(self._unfinished), bytearray()
        return self._whole(rest) if rest else []

    def _lines(self, complete: bytes) -> list[str]:
        if len(complete) >= self._limit:
            return [piece for line in complete.split(b"\n") for piece in self._whole(line)]
        text = _text(complete)  # none of its lines is too long: they are read at once
        lines = text.split("\n")
        return [line.removesuffix("\r") for line in lines] if "\r" in text else lines

    @property
    def _limit(self) -> int:
        return MAX_LINE_BYTES + self._cutter.margin + _MAX_CHARACTER_BYTES

    def _whole(self, line: bytes) -> list[str]:
        pieces, rest = self._cut(line.removesuffix(b"\r"))
        return [*pieces, _text(rest)]

    def _cut(self, line: bytes) -> tuple[list[str], bytes]:
        """Cut pieces off a line until it is short enough."""
        pieces = []
        while len(line) >= self._limit:
            window = _boundary(line, MAX_LINE_BYTES + self._cutter.margin)
            end = _boundary(line, MAX_LINE_BYTES)
            text = _text(line[:window])
            place = self._cutter.cut(text, len(_text(line[:end])))
            pieces.append(text[:place])
            line = text[place:].encode() + line[window:]
        return pieces, line


def _boundary(line: bytes, end: int) -> int:
    """Give the boundary between characters at `end` or shortly before; the line goes on after it."""
    start = end
    while end > start - _MAX_CHARACTER_BYTES and line[end] & 0xC0 == 0x80:
        end -= 1
    return end


def _text(line: bytes) -> str:
    return line.decode("utf-8", errors="replace")
