"""A syntax tree to a value.

Arguments are evaluated when a function asks for them, as GitHub's servers do: `case` never looks at the branches
it does not take, nor `format` at an argument its text does not mention.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, assert_never

from terraphim_runner.domain.errors import ExpressionError, ExpressionErrorKind
from terraphim_runner.expressions.comparison import is_equal, is_greater, is_less
from terraphim_runner.expressions.functions import FUNCTIONS, Arguments
from terraphim_runner.expressions.indexing import everything_in, index_into
from terraphim_runner.expressions.memory import Memory, MemoryExceeded
from terraphim_runner.expressions.node import (
    And,
    Call,
    Comparator,
    Comparison,
    Context,
    Index,
    Literal,
    Node,
    Not,
    Or,
    Star,
)
from terraphim_runner.expressions.value import Array, Object, Value, fold_case, is_primitive, is_truthy

if TYPE_CHECKING:
    from terraphim_runner.expressions.scope import Scope


def evaluate(node: Node, scope: Scope) -> Value:
    """Compute the value of `node`.

    Raises:
        ExpressionError: a function was given what it cannot work with, or the memory limit was reached.
    """
    try:
        return _Evaluator(scope).evaluate(node)
    except MemoryExceeded as exceeded:
        message = str(MemoryExceeded.__doc__)
        raise ExpressionError(
            ExpressionErrorKind.EVALUATION, message, start=node.start, end=node.end
        ) from exceeded


class _Evaluator:
    def __init__(self, scope: Scope) -> None:
        self._scope = scope
        self._memory = Memory(scope.max_memory)

    def evaluate(self, node: Node) -> Value:
        used = self._memory.used
        value = self._compute(node)
        if is_primitive(value):  # what it was computed from is garbage now
            self._memory.used = used
        self._memory.add(value)
        return value

    def _compute(self, node: Node) -> Value:  # noqa: PLR0911 - one line per node
        match node:
            case Literal():
                return node.value
            case Context():
                return self._scope.context(node.name)
            case Index():
                return self._index(node)
            case Comparison():
                return self._compare(node)
            case Call():
                return self._call(node)
            case And():
                return self._first(node.operands, stop=False)
            case Or():
                return self._first(node.operands, stop=True)
            case Not():
                return not is_truthy(self.evaluate(node.operand))
            case Star():
                return None
            case _:
                assert_never(node)

    def _first(self, operands: tuple[Node, ...], *, stop: bool) -> Value:
        value: Value = None
        for operand in operands:
            value = self.evaluate(operand)
            if is_truthy(value) is stop:
                break
        return value

    def _compare(self, node: Comparison) -> bool:
        left, right = self.evaluate(node.left), self.evaluate(node.right)
        match node.comparator:
            case Comparator.EQUAL:
                return is_equal(left, right)
            case Comparator.NOT_EQUAL:
                return not is_equal(left, right)
            case Comparator.GREATER:
                return is_greater(left, right)
            case Comparator.GREATER_OR_EQUAL:
                return is_equal(left, right) or is_greater(left, right)
            case Comparator.LESS:
                return is_less(left, right)
            case Comparator.LESS_OR_EQUAL:
                return is_equal(left, right) or is_less(left, right)
            case _:
                assert_never(node.comparator)

    def _index(self, node: Index) -> Value:
        target = self.evaluate(node.target)
        if isinstance(node.index, Star):
            return everything_in(target)
        if not isinstance(target, (Array, Object)):
            return None
        return index_into(target, self.evaluate(node.index))

    def _call(self, node: Call) -> Value:
        arguments = Arguments(node, self.evaluate, self._memory.limit)
        if built_in := FUNCTIONS.get(fold_case(node.name)):
            return built_in(arguments)
        outside = self._scope.function(node.name)
        if outside is None:
            raise arguments.fault(f"The function '{node.name}' is not available here")
        return outside(*arguments)
