"""`join(array, separator)`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from terraphim_runner.expressions.value import Array, is_primitive, to_string

if TYPE_CHECKING:
    from terraphim_runner.expressions.functions.arguments import Arguments


def join(arguments: Arguments) -> str:
    """Write the items of an array one after another, with a comma between them if nothing else is said."""
    items = arguments[0]
    if not isinstance(items, Array):
        return to_string(items) if is_primitive(items) else ""
    separator = _separator(arguments) if len(items) > 1 else ""
    memory = arguments.memory()
    texts = []
    for item in items:
        texts.append(to_string(item))
        memory.add(texts[-1])
        memory.add(separator)
    return separator.join(texts)


def _separator(arguments: Arguments) -> str:
    if len(arguments) < 2:
        return ","
    separator = arguments[1]
    return to_string(separator) if is_primitive(separator) else ","
