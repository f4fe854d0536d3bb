"""Places in a file: from offsets in its text, and from offsets inside a YAML scalar, to lines and columns."""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right
from dataclasses import dataclass, field
from enum import Enum
from functools import cached_property, lru_cache

from terraphim_runner.domain.diagnostic import Position, Span

_LINE_BREAK = re.compile(r"\r\n?|\n")
_BLANKS = " \t\r\n"


class Source:
    """One file's text."""

    def __init__(self, file: str, text: str) -> None:
        """Keep the text as YAML counts it: without a byte order mark."""
        self.file = file
        self.text = text

    @cached_property
    def _line_starts(self) -> list[int]:
        return [0, *(match.end() for match in _LINE_BREAK.finditer(self.text))]

    def position(self, offset: int) -> Position:
        """Say on which line and in which column a character is."""
        line = bisect_right(self._line_starts, offset)
        return Position(line, offset - self._line_starts[line - 1] + 1)


class Style(Enum):
    """How a scalar is written; the values are libyaml's."""

    PLAIN = ""
    SINGLE_QUOTED = "'"
    DOUBLE_QUOTED = '"'
    LITERAL = "|"
    FOLDED = ">"


# What stands for one character of the value, blanks left out: those may have been folded or be indentation.
_UNBROKEN = re.compile(r"[^ \t\r\n]")
_UNITS = {
    Style.PLAIN: _UNBROKEN,
    Style.LITERAL: _UNBROKEN,
    Style.FOLDED: _UNBROKEN,
    Style.SINGLE_QUOTED: re.compile(r"''|[^ \t\r\n]"),
    Style.DOUBLE_QUOTED: re.compile(
        r"\\x[0-9A-Fa-f]{2}|\\u[0-9A-Fa-f]{4}|\\U[0-9A-Fa-f]{8}|\\.|[^ \t\r\n]", re.DOTALL
    ),
}
_BLANK_ESCAPES = frozenset({"\\n", "\\t", "\\r", "\\ ", "\\\t", "\\\n", "\\\r"})


@dataclass(frozen=True, slots=True)
class Excerpt:
    """The stretch of a file that one scalar takes, and how it is written there."""

    source: Source = field(repr=False)
    start: int
    end: int
    style: Style

    def position(self, value: str, offset: int) -> Position:
        """Say where the character at `offset` of the scalar's value was written."""
        return self.source.position(self._offset(value, offset))

    def span(self, value: str, start: int, end: int) -> Span:
        """Say where a stretch of the scalar's value was written."""
        first = self._offset(value, start)
        last = self._offset(value, end - 1) + 1 if end > start else first
        return Span(self.source.file, self.source.position(first), self.source.position(last))

    def _offset(self, value: str, offset: int) -> int:
        if self.style is Style.PLAIN and "\n" not in self.source.text[self.start : self.end]:
            return min(self.start + offset, self.end)
        places, units = _alignment(self, value)
        index = bisect_left(places, offset)
        if index < len(places) and places[index] == offset and index < len(units):
            return units[index]
        return min(units[index - 1] + 1, self.end) if 0 < index <= len(units) else self.start

    def units(self) -> list[int]:
        """List where each character of the value begins, blanks left out."""
        start, end = self.start, self.end
        match self.style:
            case Style.SINGLE_QUOTED | Style.DOUBLE_QUOTED:
                start, end = start + 1, end - 1
            case Style.LITERAL | Style.FOLDED:
                start = self.source.text.find("\n", start, end) + 1 or end
            case Style.PLAIN:
                pass
        units = _UNITS[self.style].finditer(self.source.text, start, end)
        return [unit.start() for unit in units if unit.group() not in _BLANK_ESCAPES]


@lru_cache(maxsize=4)
def _alignment(excerpt: Excerpt, value: str) -> tuple[list[int], list[int]]:
    """List the value's characters that are no blanks, and where each one begins in the file."""
    return [place for place, character in enumerate(value) if character not in _BLANKS], excerpt.units()
