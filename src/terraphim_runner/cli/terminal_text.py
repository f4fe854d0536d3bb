"""What a step printed, made fit for the user's terminal: colours stay, anything else that would steer it goes."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

RESET = "\x1b[0m"

# Nothing but these is looked at further; most lines have none of them.
_SPECIAL = re.compile("[\x00-\x08\x0a-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")

_SEQUENCE = re.compile(
    r"""
      (?:\x1b\[|\x9b) (?P<parameters>[0-9:;]*) m            # colours and weights
    | (?:\x1b\[|\x9b) [\x30-\x3f]*[\x20-\x2f]*[\x40-\x7e]?  # cursor, erase, modes, reports
    | (?:\x1b[\]PX^_]|[\x90\x98\x9d-\x9f])                  # titles, clipboard, links, ... up to their end
      [^\x07\x1b\x9c]* (?:\x07|\x9c|\x1b\\|$)?
    | \x1b[\x20-\x2f]*[\x30-\x7e]?                          # two characters: resets, character sets, ...
    | [\x00-\x08\x0a-\x1a\x1c-\x1f\x7f-\x9f]                # bells, form feeds and what is left
    | [\u202a-\u202e\u2066-\u2069]                          # changes of direction: they show text in another order
    """,
    re.VERBOSE,
)
_SURROGATE = re.compile("[\ud800-\udfff]")
_COLOUR_INTRODUCERS = frozenset({"38", "48", "58"})
_HIDING = frozenset({"5", "05", "6", "06", "8", "08"})  # blinking, and text that cannot be seen


def clean(line: str, *, has_colours: bool) -> str:
    """Give what may be shown of one line: as a terminal would after the last overwriting of it.

    With colours, a line that sets any ends with a reset.
    """
    if not _SPECIAL.search(line):
        return line
    line = _SURROGATE.sub("\ufffd", _erase_backwards(_last_overwriting(line)))
    if not has_colours:
        return _SEQUENCE.sub("", line)
    line = _SEQUENCE.sub(_colours_only, line)
    return line + RESET if "\x1b" in line else line


def _last_overwriting(line: str) -> str:
    """Progress bars print over themselves with carriage returns; the last state is the one that stays."""
    if "\r" not in line:
        return line
    return next((part for part in reversed(line.split("\r")) if part), "")


def _erase_backwards(line: str) -> str:
    if "\b" not in line:
        return line
    kept: list[str] = []
    for character in line:
        if character != "\b":
            kept.append(character)
        elif kept:
            kept.pop()
    return "".join(kept)


def _colours_only(match: re.Match[str]) -> str:
    parameters = match["parameters"]
    return "" if parameters is None else _colour_sequence(parameters)


@lru_cache(maxsize=1024)
def _colour_sequence(parameters: str) -> str:
    kept = [group for group in _groups(parameters.split(";")) if group[0] not in _HIDING]
    if not kept:
        return ""
    return "\x1b[" + ";".join(";".join(group) for group in kept) + "m"


def _groups(parameters: list[str]) -> Iterator[list[str]]:
    """Keep the numbers of one colour together: `38;5;8` is one, and its 5 and 8 mean no blinking and hiding."""
    while parameters:
        length = {"5": 3, "2": 5}.get("".join(parameters[1:2]), 1) if parameters[0] in _COLOUR_INTRODUCERS else 1
        yield parameters[:length]
        parameters = parameters[length:]
