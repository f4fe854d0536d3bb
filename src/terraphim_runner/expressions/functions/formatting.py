"""`format('{0} of {1}', part, whole)`."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from terraphim_runner.expressions.limit import MAX_FORMAT_INDEX
from terraphim_runner.expressions.value import to_string

if TYPE_CHECKING:
    from collections.abc import Iterator

    from terraphim_runner.expressions.functions.arguments import Arguments

_BRACE = re.compile(r"\{\{|\}\}|\{[0-9]+\}|[{}]")


def parse_format(text: str) -> Iterator[str | int]:
    """Split a format string into texts, in which doubled braces are single, and the numbers of arguments.

    Raises:
        ValueError: a brace stands alone, or holds what is no number.
    """
    position = 0
    for brace in _BRACE.finditer(text):
        if brace.start() > position:
            yield text[position : brace.start()]
        position = brace.end()
        yield _meaning(brace[0])
    if position < len(text):
        yield text[position:]


def format_text(arguments: Arguments) -> str:
    """Put the other arguments, as strings, into the first; those it does not mention are not evaluated."""
    text = to_string(arguments[0])
    parts = _checked_parts(arguments, text)

    values = {part: to_string(arguments[part + 1]) for part in dict.fromkeys(parts) if isinstance(part, int)}
    memory = arguments.memory()
    pieces = []
    for part in parts:
        pieces.append(part if isinstance(part, str) else values[part])
        memory.add(pieces[-1])
    return "".join(pieces)


def _meaning(brace: str) -> str | int:
    if brace in ("{{", "}}"):
        return brace[0]
    index = brace[1:-1]
    if not index or len(index.lstrip("0")) > 3 or int(index) > MAX_FORMAT_INDEX:
        raise ValueError("The following format string is invalid")
    return int(index)


def _checked_parts(arguments: Arguments, text: str) -> list[str | int]:
    parts: list[str | int] = []
    try:
        for part in parse_format(text):
            if isinstance(part, int) and part > len(arguments) - 2:
                raise ValueError("The following format string references more arguments than were supplied")  # noqa: TRY301
            parts.append(part)
    except ValueError as invalid:
        raise arguments.fault(f"{invalid}: {text}") from invalid
    return parts
