"""Where the reader puts the faults it finds, so that it can go on and find the next."""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING

from terraphim_runner.domain.diagnostic import Diagnostic, Severity
from terraphim_runner.workflow.suggestion import did_you_mean

if TYPE_CHECKING:
    from collections.abc import Iterable

    from terraphim_runner.domain.diagnostic import Span

_MAX_SUGGESTIONS = 200
_MAX_CHOICES = 300
_MAX_WORD = 100


class Report:
    """The faults of one file. The same fault twice, as an alias may cause it, is one."""

    def __init__(self) -> None:
        """Start without faults."""
        self._diagnostics: dict[Diagnostic, None] = {}
        self._suggestions = 0

    def error(self, span: Span, code: str, message: str, hint: str | None = None) -> None:
        """Add a fault that keeps the file from running."""
        self._diagnostics[Diagnostic(span, Severity.ERROR, code, message, hint)] = None

    def warning(self, span: Span, code: str, message: str, hint: str | None = None) -> None:
        """Add advice."""
        self._diagnostics[Diagnostic(span, Severity.WARNING, code, message, hint)] = None

    def did_you_mean(self, word: str, choices: Iterable[str]) -> str | None:
        """Suggest the nearest of the words that would have been right; only so often, for it takes time."""
        if self._suggestions >= _MAX_SUGGESTIONS or len(word) > _MAX_WORD:
            return None
        self._suggestions += 1
        return did_you_mean(word, islice(choices, _MAX_CHOICES))

    @property
    def has_errors(self) -> bool:
        """Say whether the file can run."""
        return any(each.severity is Severity.ERROR for each in self._diagnostics)

    @property
    def diagnostics(self) -> tuple[Diagnostic, ...]:
        """Give the faults in the order of the file."""
        return tuple(sorted(self._diagnostics, key=lambda each: (each.span.start.line, each.span.start.column)))
