"""Where in the repository an annotation points, as the official runner understands file, lines and columns."""

from __future__ import annotations

import posixpath
import re
from typing import TYPE_CHECKING

from terraphim_runner.domain.event import SourcePlace

if TYPE_CHECKING:
    from collections.abc import Mapping

    from terraphim_runner.executor.workflow_command import WorkflowCommand

_NUMBER = re.compile(r"\s*\+?(\d{1,10})\s*")


def issue_place(command: WorkflowCommand, workspace: str) -> SourcePlace | None:
    """Give the place that an `error`, `warning` or `notice` command names; None if it names no file.

    GitHub shows lines only together with a file.
    """
    file = command.properties.get("file")
    if not file:
        return None
    numbers = valid_positions(command.properties)
    return SourcePlace(
        file=relative_path(file, workspace),
        line=numbers.get("line"),
        end_line=numbers.get("endline"),
        column=numbers.get("col"),
        end_column=numbers.get("endcolumn"),
    )


def valid_positions(properties: Mapping[str, str]) -> dict[str, int]:
    """Keep of `line`, `endline`, `col` and `endcolumn` what makes sense together.

    An end alone is a beginning, too. Columns need a line, and one line only. An end before its beginning takes
    both away.
    """
    names = ("line", "endline", "col", "endcolumn")
    numbers = {name: value for name in names if (value := parse_number(properties.get(name))) is not None}
    if "endline" in numbers:
        numbers.setdefault("line", numbers["endline"])
    if "endcolumn" in numbers:
        numbers.setdefault("col", numbers["endcolumn"])
    has_several_lines = numbers.get("endline", numbers.get("line")) != numbers.get("line")
    if "line" not in numbers or has_several_lines or _is_backwards(numbers, "col", "endcolumn"):
        numbers = _without(numbers, "col", "endcolumn")
    if _is_backwards(numbers, "line", "endline"):
        numbers = _without(numbers, "line", "endline")
    return numbers


def parse_number(text: str | None) -> int | None:
    """Read a line or a column; None if it is no number."""
    match = None if text is None else _NUMBER.fullmatch(text)
    return None if match is None else int(match[1])


def relative_path(file: str, workspace: str) -> str:
    """Give a file's path from the workspace, if it lies in it; else as it was written."""
    path = posixpath.normpath(file)
    inside = path.removeprefix(f"{workspace}/")
    return inside if posixpath.isabs(path) else path


def _is_backwards(numbers: Mapping[str, int], begin: str, end: str) -> bool:
    return begin in numbers and end in numbers and numbers[end] < numbers[begin]


def _without(numbers: Mapping[str, int], *names: str) -> dict[str, int]:
    return {name: value for name, value in numbers.items() if name not in names}
