"""`case(condition, value, …, otherwise)`."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from terraphim_runner.expressions.functions.arguments import Arguments
    from terraphim_runner.expressions.value import Value


def case(arguments: Arguments) -> Value:
    """Return the value behind the first condition that is true, or the last argument."""
    last = len(arguments) - 1
    for index in range(0, last, 2):
        condition = arguments[index]
        if not isinstance(condition, bool):
            raise arguments.fault("case predicate must evaluate to a boolean value")
        if condition:
            return arguments[index + 1]
    return arguments[last]
