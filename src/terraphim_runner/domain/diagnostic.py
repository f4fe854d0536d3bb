"""A fault in an author's file, with its place."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum


class Severity(Enum):
    """How bad a diagnostic is; only an error keeps a file from running."""

    ERROR = "error"
    WARNING = "warning"


@dataclass(frozen=True, slots=True)
class Position:
    """A place in a text: line and column, both 1-based; the column counts characters, as GitHub's messages do."""

    line: int
    column: int


@dataclass(frozen=True, slots=True)
class Span:
    """A stretch of one file from `start` up to, not including, `end`."""

    file: str
    start: Position
    end: Position


@dataclass(frozen=True, slots=True)
class Diagnostic:
    """One fault: where it is, a stable kebab-case `code`, what is wrong and, where we can say it, what to do."""

    span: Span
    severity: Severity
    code: str
    message: str
    hint: str | None = None

    def __str__(self) -> str:
        """Print as `file:line:column: message`, the form editors make a link of."""
        start = self.span.start
        return f"{self.span.file}:{start.line}:{start.column}: {self.message}"
