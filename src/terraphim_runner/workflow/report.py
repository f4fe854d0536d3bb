"""Where the reader puts the faults it finds, so that it can go on and find the next."""

from __future__ import annotations

from difflib import get_close_matches
from typing import TYPE_CHECKING

from terraphim_runner.domain.diagnostic import Diagnostic, Severity

if TYPE_CHECKING:
    from collections.abc import Iterable

    from terraphim_runner.domain.diagnostic import Span


class Report:
    """The faults of one file. The same fault twice, as an alias may cause it, is one."""

    def __init__(self) -> None:
        """Start without faults."""
        self._diagnostics: dict[Diagnostic, None] = {}

    def error(self, span: Span, code: str, message: str, hint: str | None = None) -> None:
        """Add a fault that keeps the file from running."""
        self._diagnostics[Diagnostic(span, Severity.ERROR, code, message, hint)] = None

    def warning(self, span: Span, code: str, message: str, hint: str | None = None) -> None:
        """Add advice."""
        self._diagnostics[Diagnostic(span, Severity.WARNING, code, message, hint)] = None

    @property
    def has_errors(self) -> bool:
        """Say whether the file can run."""
        return any(each.severity is Severity.ERROR for each in self._diagnostics)

    @property
    def diagnostics(self) -> tuple[Diagnostic, ...]:
        """Give the faults in the order of the file."""
        return tuple(sorted(self._diagnostics, key=lambda each: (each.span.start.line, each.span.start.column)))


def did_you_mean(word: str, choices: Iterable[str]) -> str | None:
    """Suggest the nearest of the words that would have been right."""
    known = {choice.casefold(): choice for choice in choices}
    nearest = get_close_matches(word.casefold(), known, n=1, cutoff=0.6)
    return f"did you mean `{known[nearest[0]]}`?" if nearest else None
