"""Hide secrets in output, on the host, line by line."""

from __future__ import annotations

MASK = "***"


class Masker:
    """Replace every registered value by `***`; the longest match wins."""

    def __init__(self) -> None:
        """Know no secret yet."""
        self._values: list[str] = []

    def add(self, value: str) -> None:
        """Register a secret; each line of it that is not blank is one too."""
        for line in {value, *value.splitlines()}:
            if line.strip() and line not in self._values:
                self._values.append(line)
        self._values.sort(key=len, reverse=True)

    def mask(self, line: str) -> str:
        """Give the line without secrets."""
        for value in self._values:
            if value in line:
                line = line.replace(value, MASK)
        return line
