"""The lines of a log that mean something: groups, errors, warnings, as GitHub's log page shows them."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import Enum

_MARK = re.compile(r"##\[(group|endgroup|error|warning|notice|debug|command|section)\](.*)", re.DOTALL)


class LineKind(Enum):
    """What a line is."""

    OUTPUT = "output"
    GROUP = "group"
    ERROR = "error"
    WARNING = "warning"
    NOTICE = "notice"
    DEBUG = "debug"
    COMMAND = "command"


@dataclass(frozen=True, slots=True)
class LogLine:
    """One line to show; where it has a kind, the mark that said so is stripped."""

    kind: LineKind
    text: str


_KINDS = {kind.value: kind for kind in LineKind} | {"section": LineKind.GROUP}


def parse_line(line: str) -> LogLine | None:
    """Read one line of a `StepOutput`; None: nothing to show."""
    if not line.startswith("##["):
        return LogLine(LineKind.OUTPUT, line)
    match = _MARK.fullmatch(line)
    if match is None:
        return LogLine(LineKind.OUTPUT, line)
    kind = _KINDS.get(match[1])
    return None if kind is None else LogLine(kind, match[2])
