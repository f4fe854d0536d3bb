"""Workflow commands in output: `::name key=value,key=value::data`, and the older `##[name key=value;]data`.

The grammar and the escapes are those of the official runner (ActionCommand). A line is a command only if its name
is one: anything else is output.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Container, Iterator, Mapping

COMMANDS = frozenset({"add-mask", "add-matcher", "add-path", "debug", "echo", "endgroup", "error", "group",
                      "notice", "remove-matcher", "save-state", "set-env", "set-output", "stop-commands",
                      "warning"})  # fmt: skip
_DATA_ESCAPES = (("%0D", "\r"), ("%0A", "\n"), ("%25", "%"))
_PROPERTY_ESCAPES = (("%0D", "\r"), ("%0A", "\n"), ("%3A", ":"), ("%2C", ","), ("%25", "%"))
_BRACKET_ESCAPES = (("%3B", ";"), ("%0D", "\r"), ("%0A", "\n"), ("%5D", "]"), ("%25", "%"))
_BRACKET = "##["


@dataclass(frozen=True, slots=True)
class WorkflowCommand:
    """One command, its escapes undone; its name and those of its properties are lower case."""

    name: str
    data: str
    properties: Mapping[str, str] = field(default_factory=dict)


def may_be_command(text: str) -> bool:
    """Tell cheaply whether a line, or one of several, has to be looked at."""
    return "::" in text or _BRACKET in text


def parse_workflow_command(line: str, names: Container[str] = COMMANDS) -> WorkflowCommand | None:
    """Read a line as one of the commands `names`, given in lower case; None if it is plain output."""
    return _parse_colons(line, names) or _parse_brackets(line, names)


def _parse_colons(line: str, names: Container[str]) -> WorkflowCommand | None:
    text = line.lstrip()
    head, separator, data = text[2:].partition("::")
    name, _, properties = head.partition(" ")
    if not text.startswith("::") or not separator or name.lower() not in names:
        return None
    pairs = dict(_pairs(properties.strip(), ",", _PROPERTY_ESCAPES))
    return WorkflowCommand(name.lower(), _unescape(data, _DATA_ESCAPES), pairs)


def _parse_brackets(line: str, names: Container[str]) -> WorkflowCommand | None:
    head, separator, data = line.partition(_BRACKET)[2].partition("]")
    name, _, properties = head.partition(" ")
    if not separator or name.lower() not in names:
        return None
    pairs = dict(_pairs(properties, ";", _BRACKET_ESCAPES))
    return WorkflowCommand(name.lower(), _unescape(data, _BRACKET_ESCAPES), pairs)


def _pairs(text: str, separator: str, escapes: tuple[tuple[str, str], ...]) -> Iterator[tuple[str, str]]:
    for pair in text.split(separator):
        key, _, value = pair.partition("=")
        if key and value:
            yield key.lower(), _unescape(value, escapes)


def _unescape(text: str, escapes: tuple[tuple[str, str], ...]) -> str:
    for escape, character in escapes:
        text = text.replace(escape, character)
    return text
