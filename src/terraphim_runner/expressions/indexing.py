"""`target[index]` and `target.*`. What is not there is null, never an error."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from terraphim_runner.expressions.value import Array, Object, Value, is_primitive, to_number, to_string

if TYPE_CHECKING:
    from collections.abc import Iterator


def everything_in(target: Value) -> Array:
    """Return what `target.*` gives; on the result of another `.*`, one level further down."""
    match target:
        case Array(filtered=True):
            return Array(tuple(item for nested in target for item in _items(nested)), filtered=True)
        case _:
            return Array(tuple(_items(target)), filtered=True)


def index_into(target: Array | Object, index: Value) -> Value:
    """Return what `target[index]` gives; the result of `.*` is indexed item by item, and misses drop out."""
    match target:
        case Object():
            return target.get(to_string(index)) if is_primitive(index) else None
        case Array(filtered=True):
            return Array(tuple(item for nested in target for item in _matches(nested, index)), filtered=True)
        case Array(items=items):
            position = _position(index, len(items))
            return None if position is None else items[position]


def _items(value: Value) -> Iterator[Value]:
    match value:
        case Array():
            return iter(value)
        case Object():
            return value.values()
        case _:
            return iter(())


def _matches(value: Value, index: Value) -> Iterator[Value]:
    match value:
        case Object():
            if is_primitive(index) and (name := to_string(index)) in value:
                yield value.get(name)
        case Array(items=items):
            position = _position(index, len(items))
            if position is not None:
                yield items[position]
        case _:
            pass


def _position(index: Value, count: int) -> int | None:
    number = to_number(index)
    return math.floor(number) if 0 <= number < count else None
