"""The text an expression is read from."""

from __future__ import annotations

from dataclasses import dataclass

from terraphim_runner.domain.errors import ExpressionError, ExpressionErrorKind


@dataclass(frozen=True, slots=True)
class Source:
    """The stretch of `text` that holds one expression; all offsets count from the beginning of `text`."""

    text: str
    start: int
    end: int

    @classmethod
    def of(cls, text: str, start: int = 0, end: int | None = None) -> Source:
        """Take all of `text`, or a stretch of it."""
        return cls(text, start, len(text) if end is None else end)

    def error(
        self, kind: ExpressionErrorKind, description: str, start: int, end: int, *, hint: str | None = None
    ) -> ExpressionError:
        """Blame the stretch from `start` to `end`, in GitHub's words."""
        blamed, expression = self.text[start:end], self.text[self.start : self.end]
        place = f"Located at position {start - self.start + 1} within expression: {expression}"
        return ExpressionError(kind, f"{description}: '{blamed}'. {place}", start=start, end=end, hint=hint)
