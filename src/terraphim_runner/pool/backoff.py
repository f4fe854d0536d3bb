"""How long to leave alone what failed."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(slots=True)
class Backoff:
    """Waits that double with every failure, and end with the first success."""

    first_s: float
    longest_s: float
    failures: int = 0
    until_s: float = 0.0

    def fail(self, now_s: float) -> None:
        """Count a failure."""
        self.until_s = now_s + min(self.first_s * 2.0 ** min(self.failures, 30), self.longest_s)
        self.failures += 1

    def succeed(self) -> None:
        """Forget the failures."""
        self.failures = 0
        self.until_s = 0.0

    def is_over(self, now_s: float) -> bool:
        """Tell whether it may be tried again."""
        return now_s >= self.until_s
