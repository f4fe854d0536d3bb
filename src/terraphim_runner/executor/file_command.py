"""The files a step writes for the runner: GITHUB_ENV, GITHUB_OUTPUT, GITHUB_STATE, GITHUB_PATH.

The grammar is that of the official runner (FileCommandManager):

    NAME=value
    NAME<<DELIMITER
    any number of lines
    DELIMITER
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from terraphim_runner.executor.github_context import COMMAND_FILES

if TYPE_CHECKING:
    from collections.abc import Iterator

_LINE = re.compile(r"[^\n]*\n|[^\n]+")  # str.splitlines would also split at form feeds and U+2028
BLOCKED_ENV = frozenset({"NODE_OPTIONS"})  # the official runner keeps steps from steering later actions with it


def command_file_paths(directory: str, label: str) -> dict[str, str]:
    """Give the command files of a process by their names in the `github` context."""
    return {name: f"{directory}/_runner_file_commands/{name}_{label}" for name in COMMAND_FILES}


class FileCommandInvalid(ValueError):
    """A command file does not follow the grammar; the step fails with this message."""


def read_assignments(text: str) -> Iterator[tuple[str, str]]:
    """Read `NAME=value` lines and here-documents, one after the other.

    Raises:
        FileCommandInvalid: a line is neither; what came before it counts.
    """
    lines = iter(_LINE.findall(text.removeprefix("\ufeff")))
    for line in lines:
        content = line.rstrip("\n")
        if content:
            yield _assignment(content, lines)


def read_path(text: str) -> list[str]:
    """Read GITHUB_PATH: a directory a line, in the order written."""
    return [line for line in re.split("\r\n|\r|\n", text.removeprefix("\ufeff")) if line]


def _assignment(line: str, following: Iterator[str]) -> tuple[str, str]:
    equals, heredoc = line.find("="), line.find("<<")
    if equals >= 0 and (heredoc < 0 or equals < heredoc):
        name, _, value = line.partition("=")
        if not name:
            raise FileCommandInvalid(f"Invalid format '{line}'. Name must not be empty")
        return name, value
    if heredoc >= 0:
        name, _, delimiter = line.partition("<<")
        if not name or not delimiter:
            raise FileCommandInvalid(
                f"Invalid format '{line}'. Name must not be empty and delimiter must not be empty"
            )
        return name, _here_document(delimiter, following)
    raise FileCommandInvalid(f"Invalid format '{line}'")


def _here_document(delimiter: str, following: Iterator[str]) -> str:
    lines: list[str] = []
    for line in following:
        content = line.rstrip("\n")
        if content == delimiter:
            return "\n".join(lines)
        if content == line:
            raise FileCommandInvalid("Invalid value. EOF marker missing new line.")
        lines.append(content)
    raise FileCommandInvalid(f"Invalid value. Matching delimiter not found '{delimiter}'")
