"""The files that commands about workflows work on."""

from __future__ import annotations

import re
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from terraphim_runner.domain.diagnostic import Diagnostic, Position, Severity, Span
from terraphim_runner.domain.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

WORKFLOWS = Path(".github/workflows")
STANDARD_INPUT = "-"

_ENDINGS = (".yml", ".yaml")
_ACTION_NAMES = frozenset({"action.yml", "action.yaml"})
_TOP_LEVEL = re.compile(r"^[\"']?(on|jobs|runs)[\"']?[ \t]*:", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class SourceFile:
    """A file, read; `name` is how it is shown. What is no UTF-8 has a `fault`, and no text."""

    name: str
    text: str
    fault: Diagnostic | None = None

    @property
    def is_action(self) -> bool:
        """Tell an `action.yml` from a workflow: by its name, else by its top-level keys."""
        if f"{WORKFLOWS.as_posix()}/" in self.name:
            return False
        if self.name.rpartition("/")[2] in _ACTION_NAMES:
            return True
        keys = set(_TOP_LEVEL.findall(self.text))
        return "runs" in keys and "jobs" not in keys


def current_directory() -> Path:
    """Give the directory the user stands in.

    Raises:
        UsageError: it was removed.
    """
    try:
        return Path.cwd()
    except FileNotFoundError as error:
        raise UsageError("the current directory does not exist any more", hint="cd to one that does") from error


def find_repository(start: Path) -> Path | None:
    """Find the nearest directory upwards that has workflows."""
    return next((each for each in (start, *start.parents) if (each / WORKFLOWS).is_dir()), None)


def find_workflows(repository: Path) -> list[Path]:
    """Give a repository's workflow files, sorted by name."""
    return files_in(repository / WORKFLOWS)


def files_in(directory: Path) -> list[Path]:
    """Give the YAML files that lie in a directory itself, sorted by name."""
    return sorted(path for path in directory.iterdir() if path.suffix in _ENDINGS and path.is_file())


def read_source(path: Path, name: str | None = None) -> SourceFile:
    """Read a file, or standard input for `-`.

    Raises:
        UsageError: it cannot be read.
    """
    shown = name or path.as_posix()
    try:
        content = sys.stdin.buffer.read() if str(path) == STANDARD_INPUT else path.read_bytes()
    except OSError as error:
        raise UsageError(f"cannot read {shown}: {error.strerror}") from error
    return decode("<stdin>" if shown == STANDARD_INPUT else shown, content)


def decode(name: str, content: bytes) -> SourceFile:
    """Make a source of a file's bytes, which must be UTF-8."""
    try:
        return SourceFile(name, content.decode("utf-8"))
    except UnicodeDecodeError as error:
        before = content[: error.start]
        column = len(before.rpartition(b"\n")[2].decode("utf-8", "replace")) + 1
        place = Position(before.count(b"\n") + 1, column)
        message = f"The file is not UTF-8: byte 0x{content[error.start]:02x} {error.reason}"
        fault = Diagnostic(Span(name, place, place), Severity.ERROR, "not-utf-8", message, "save it as UTF-8")
        return SourceFile(name, "", fault)


def expand(paths: Iterable[Path]) -> Iterator[Path]:
    """Give files as they are, and of a directory its workflows, or every YAML file in it if it has none.

    Raises:
        UsageError: a directory has nothing to look at.
    """
    for path in paths:
        if not path.is_dir():
            yield path
        elif found := _files_of(path):
            yield from found
        else:
            raise UsageError(
                f"{path} has no workflows", hint="they are in .github/workflows and end in .yml or .yaml"
            )


def _files_of(directory: Path) -> list[Path]:
    if (directory / WORKFLOWS).is_dir():
        return find_workflows(directory)
    return sorted(path for path in directory.rglob("*") if path.suffix in _ENDINGS and path.is_file())
