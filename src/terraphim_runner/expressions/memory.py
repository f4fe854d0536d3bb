"""How much memory an evaluation may take, counted as GitHub counts it: roughly, and in .NET's sizes."""

from __future__ import annotations

from terraphim_runner.expressions.value import Array, Value

_OBJECT_BYTES = 24
_STRING_BYTES = 26
_ITEM_BYTES = 8


class MemoryExceeded(Exception):  # never leaves the package: the evaluator says where it happened
    """The maximum allowed memory size was exceeded."""


class Memory:
    """A running total with a limit."""

    __slots__ = ("limit", "used")

    def __init__(self, limit: int) -> None:
        """Allow `limit` bytes."""
        self.limit = limit
        self.used = 0

    def add(self, value: Value) -> None:
        """Count one value more.

        Raises:
            MemoryExceeded: that is too much.
        """
        if isinstance(value, str):
            self.used += _STRING_BYTES + 2 * len(value)
        elif isinstance(value, Array) and value.filtered:
            self.used += _OBJECT_BYTES + _ITEM_BYTES * len(value)
        else:
            self.used += _OBJECT_BYTES
        if self.used > self.limit:
            raise MemoryExceeded
