"""`contains`, `startsWith` and `endsWith`; none minds case."""

from __future__ import annotations

from typing import TYPE_CHECKING

from terraphim_runner.expressions.comparison import is_equal
from terraphim_runner.expressions.value import Array, Value, fold_case, is_primitive, to_string

if TYPE_CHECKING:
    from terraphim_runner.expressions.functions.arguments import Arguments


def contains(arguments: Arguments) -> bool:
    """Tell whether an array has an item equal to the second argument, or a string has it within."""
    searched = arguments[0]
    if isinstance(searched, Array):
        return _has_item(searched, arguments[1]) if len(searched) else False
    return is_primitive(searched) and is_primitive(part := arguments[1]) and _has_text(searched, part)


def starts_with(arguments: Arguments) -> bool:
    """Tell whether the first argument begins with the second."""
    text = arguments[0]
    return is_primitive(text) and is_primitive(part := arguments[1]) and _folded(text).startswith(_folded(part))


def ends_with(arguments: Arguments) -> bool:
    """Tell whether the first argument ends with the second."""
    text = arguments[0]
    return is_primitive(text) and is_primitive(part := arguments[1]) and _folded(text).endswith(_folded(part))


def _has_item(array: Array, wanted: Value) -> bool:
    return any(is_equal(wanted, item) for item in array)


def _has_text(text: Value, part: Value) -> bool:
    return _folded(part) in _folded(text)


def _folded(value: Value) -> str:
    return fold_case(to_string(value))
