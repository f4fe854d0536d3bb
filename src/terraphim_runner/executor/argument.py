"""A command line to its arguments, as .NET splits it on every system: only double quotes quote."""

from __future__ import annotations

import re

_BLANKS = frozenset(" \t")
_WORD = re.compile(r"[^ \t]+")


def split_arguments(line: str) -> tuple[str, ...]:
    """Split a command line.

    Before a double quote, two backslashes are one and an odd one takes the quote's meaning away; elsewhere a
    backslash is itself. Within quotes two double quotes are one.
    """
    if '"' not in line:  # as nearly always; then nothing else means anything
        return tuple(_WORD.findall(line))
    arguments: list[str] = []
    position = 0
    while position < len(line):
        if line[position] in _BLANKS:
            position += 1
        else:
            argument, position = _argument(line, position)
            arguments.append(argument)
    return tuple(arguments)


def _argument(line: str, position: int) -> tuple[str, int]:
    """Read the argument that begins at `position`; give it and where it ends."""
    text, is_quoted = "", False
    while position < len(line) and (is_quoted or line[position] not in _BLANKS):
        rest = line[position:]
        slashes = len(rest) - len(rest.lstrip("\\"))
        if rest[slashes : slashes + 1] != '"':
            taken = max(slashes, 1)
            text += rest[:taken]
            position += taken
            continue
        text += "\\" * (slashes // 2)
        position += slashes + 1
        if slashes % 2:
            text += '"'
        elif is_quoted and line[position : position + 1] == '"':
            text += '"'
            position += 1
        else:
            is_quoted = not is_quoted
    return text, position
