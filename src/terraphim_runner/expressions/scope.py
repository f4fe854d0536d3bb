"""What an expression is evaluated against."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from terraphim_runner.expressions.limit import MAX_MEMORY
from terraphim_runner.expressions.value import Value, fold_case, from_python

Function = Callable[..., Value]


class Scope:
    """Contexts, and the functions that need the outside, as they are at one moment.

    A context is asked for at most once, when an expression first names it, and kept: `contexts` may compute its
    items, and `github == github` holds. Plain Python data is converted. Make a new scope when a context changes.
    """

    def __init__(
        self,
        contexts: Mapping[str, Any] | None = None,
        functions: Mapping[str, Function] | None = None,
        *,
        max_memory: int = MAX_MEMORY,
    ) -> None:
        """Take contexts and functions by name; neither minds case. A function gets its arguments' values."""
        self.max_memory = max_memory
        self._contexts = contexts or {}
        self._names = {fold_case(name): name for name in self._contexts}
        self._functions = {fold_case(name): function for name, function in (functions or {}).items()}
        self._values: dict[str, Value] = {}

    def context(self, name: str) -> Value:
        """Return the context called `name`, or null."""
        key = fold_case(name)
        if key not in self._values:
            original = self._names.get(key)
            self._values[key] = None if original is None else from_python(self._contexts[original])
        return self._values[key]

    def function(self, name: str) -> Function | None:
        """Return the function called `name`, if this scope has it."""
        return self._functions.get(fold_case(name))
