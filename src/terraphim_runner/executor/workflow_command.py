"""Workflow commands: lines of the form `::name key=value,key=value::data` in a step's output.

The grammar and the escapes are those of the official runner (ActionCommand).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

_DATA_ESCAPES = (("%0D", "\r"), ("%0A", "\n"), ("%25", "%"))
_PROPERTY_ESCAPES = (("%0D", "\r"), ("%0A", "\n"), ("%3A", ":"), ("%2C", ","), ("%25", "%"))


@dataclass(frozen=True, slots=True)
class WorkflowCommand:
    """One command, its escapes undone; property names are lower case."""

    name: str
    data: str
    properties: Mapping[str, str] = field(default_factory=dict)


def parse_workflow_command(line: str) -> WorkflowCommand | None:
    """Read a line as a command; None if it is plain output."""
    text = line.lstrip()
    if not text.startswith("::"):
        return None
    head, separator, data = text[2:].partition("::")
    name, _, properties = head.strip().partition(" ")
    if not separator or not name:
        return None
    return WorkflowCommand(
        name=name.lower(), data=_unescape(data, _DATA_ESCAPES), properties=_parse_properties(properties)
    )


def _parse_properties(text: str) -> dict[str, str]:
    properties = {}
    for pair in text.strip().split(","):
        key, separator, value = pair.partition("=")
        if separator and key.strip() and value:
            properties[key.strip().lower()] = _unescape(value, _PROPERTY_ESCAPES)
    return properties


def _unescape(text: str, escapes: tuple[tuple[str, str], ...]) -> str:
    for escape, character in escapes:
        text = text.replace(escape, character)
    return text
