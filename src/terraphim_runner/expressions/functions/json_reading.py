"""`fromJSON(text)`."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, NoReturn

from terraphim_runner.expressions.limit import MAX_JSON_DEPTH
from terraphim_runner.expressions.value import WHITESPACE, Array, Object, Value, to_string

if TYPE_CHECKING:
    from terraphim_runner.expressions.functions.arguments import Arguments


def from_json(arguments: Arguments) -> Value:
    """Read JSON, strictly: no NaN, no comments, no trailing commas."""
    text = to_string(arguments[0])
    if not text.strip(WHITESPACE):
        raise arguments.fault("Error parsing fromJson: the text is empty")
    try:
        return _value(json.loads(text, parse_int=float, parse_constant=_refuse), 0)
    except (ValueError, RecursionError) as invalid:
        raise arguments.fault(f"Error parsing fromJson: {_reason(invalid)}") from invalid


def _value(data: Any, depth: int) -> Value:
    if depth >= MAX_JSON_DEPTH and isinstance(data, (list, dict)):
        raise RecursionError
    match data:
        case list():
            return Array(tuple([_value(item, depth + 1) for item in data]))
        case dict():
            return Object([(name, _value(item, depth + 1)) for name, item in data.items()])
        case _:
            scalar: Value = data
            return scalar


def _refuse(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is not JSON")


def _reason(invalid: ValueError | RecursionError) -> str:
    return "it is nested too deeply" if isinstance(invalid, RecursionError) else str(invalid)
