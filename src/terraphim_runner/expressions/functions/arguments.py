"""What a function is called with."""

from __future__ import annotations

from typing import TYPE_CHECKING

from terraphim_runner.domain.errors import ExpressionError, ExpressionErrorKind
from terraphim_runner.expressions.memory import Memory

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from terraphim_runner.expressions.node import Call, Node
    from terraphim_runner.expressions.value import Value


class Arguments:
    """The arguments of one call. Asking for one evaluates it, each time anew."""

    __slots__ = ("_call", "_evaluate", "_limit")

    def __init__(self, call: Call, evaluate: Callable[[Node], Value], limit: int) -> None:
        """Take the call and the way to evaluate its arguments; what the function builds may take `limit` bytes."""
        self._call = call
        self._evaluate = evaluate
        self._limit = limit

    def __len__(self) -> int:
        """Count the arguments; none is evaluated."""
        return len(self._call.arguments)

    def __getitem__(self, index: int) -> Value:
        """Evaluate one argument."""
        return self._evaluate(self._call.arguments[index])

    def __iter__(self) -> Iterator[Value]:
        """Evaluate all arguments in order."""
        return map(self._evaluate, self._call.arguments)

    def memory(self) -> Memory:
        """Start counting what the function builds."""
        return Memory(self._limit)

    def fault(self, message: str) -> ExpressionError:
        """Blame the whole call."""
        kind = ExpressionErrorKind.EVALUATION
        return ExpressionError(kind, message, start=self._call.start, end=self._call.end)
