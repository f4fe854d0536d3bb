"""When two values are equal, and which one is greater.

JavaScript's abstract comparison, except that strings compare without case and nothing coerces an array or an
object: those are equal to themselves only. NaN equals nothing and is neither greater nor less.
"""

from __future__ import annotations

from terraphim_runner.expressions.value import Array, Object, Value, fold_case, to_number


def is_equal(left: Value, right: Value) -> bool:
    """Tell whether `left == right`."""
    if isinstance(left, str) and isinstance(right, str):
        return left == right or fold_case(left) == fold_case(right)
    if isinstance(left, (Array, Object)) or isinstance(right, (Array, Object)):
        return left is right
    return (left is None and right is None) or to_number(left) == to_number(right)


def is_greater(left: Value, right: Value) -> bool:
    """Tell whether `left > right`."""
    if isinstance(left, str) and isinstance(right, str):
        return _order(left) > _order(right)
    return to_number(left) > to_number(right)  # never, where one is NaN


def is_less(left: Value, right: Value) -> bool:
    """Tell whether `left < right`."""
    return is_greater(right, left)


def _order(text: str) -> bytes:
    return fold_case(text).encode("utf-16-be", "surrogatepass")  # GitHub orders by UTF-16 units
