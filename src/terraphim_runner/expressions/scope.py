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
        self._functions = functions or {}
        self._names: dict[str, str] | None = None  # by folded name; made when first needed: most scopes need few
        self._values: dict[str, Value] = {}

    def context(self, name: str) -> Value:
        """Return the context called `name`, or null."""
        key = fold_case(name)
        if key not in self._values:
            if self._names is None:
                self._names = {fold_case(original): original for original in self._contexts}
            original = self._names.get(key)
            self._values[key] = None if original is None else from_python(self._contexts[original])
        return self._values[key]

    def function(self, name: str) -> Function | None:
        """Return the function called `name`, if this scope has it."""
        key = fold_case(name)
        return next((function for own, function in self._functions.items() if fold_case(own) == key), None)
