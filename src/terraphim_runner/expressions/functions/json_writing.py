"""`toJSON(value)`."""

from __future__ import annotations

import json
import math
import re
from typing import TYPE_CHECKING

from terraphim_runner.expressions.value import Array, Object, Value, to_string

if TYPE_CHECKING:
    from collections.abc import Iterator

    from terraphim_runner.expressions.functions.arguments import Arguments

# what .NET escapes beyond JSON's demands, and halves of surrogate pairs, which no encoding can carry
_ESCAPED = re.compile("[\x85\u2028\u2029\ud800-\udfff]")


def to_json(arguments: Arguments) -> str:
    """Print JSON, indented by two spaces."""
    memory = arguments.memory()
    pieces = []
    for piece in _pieces(arguments[0], "", "\n"):
        memory.add(piece)
        pieces.append(piece)
    return "".join(pieces)


def _pieces(value: Value, prefix: str, newline: str) -> Iterator[str]:
    match value:
        case Array() if len(value):
            yield prefix + "["
            inner = newline + "  "
            for index, item in enumerate(value):
                yield from _pieces(item, "," + inner if index else inner, inner)
            yield newline + "]"
        case Object() if len(value):
            yield prefix + "{"
            inner = newline + "  "
            for index, (name, item) in enumerate(value.items()):
                yield ("," + inner if index else inner) + _quoted(name)
                yield from _pieces(item, ": ", inner)
            yield newline + "}"
        case _:
            yield prefix + _leaf(value)


def _leaf(value: Value) -> str:
    match value:
        case None:
            return "null"
        case str():
            return _quoted(value)
        case Array():
            return "[]"
        case Object():
            return "{}"
        case float() if not math.isfinite(value):
            return "null"
        case _:
            return to_string(value)


def _quoted(text: str) -> str:
    quoted = json.dumps(text, ensure_ascii=False)
    return quoted if text.isascii() else _ESCAPED.sub(lambda match: f"\\u{ord(match[0]):04x}", quoted)
