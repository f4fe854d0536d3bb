"""The six kinds of data an expression works with, and how one kind becomes another.

Null, Boolean, Number and String are Python's `None`, `bool`, `float` and `str`; a number is always a `float`.
Array and Object are the two classes here. They are immutable and compare by identity, as GitHub's do:
`github == github` is true, `fromJSON('{}') == fromJSON('{}')` is false.

Conversions follow JavaScript's `Number()`, as GitHub's own comments say theirs do, but for the prefixes of
hexadecimal and octal numbers, which are lower-case only. Numbers print as .NET's `G15`.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Any, TypeAlias, final

# .NET's Char.IsWhiteSpace; Python's own notion also has the separators U+001C to U+001F
WHITESPACE = (
    "\t\n\v\f\r \x85\xa0\u1680" + "".join(map(chr, range(0x2000, 0x200B))) + "\u2028\u2029\u202f\u205f\u3000"
)

_DECIMAL = re.compile(r"[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?")
_PREFIXED = re.compile(r"0(?:x([0-9a-fA-F]+)|o([0-7]+))")
_INFINITIES = {"Infinity": math.inf, "+Infinity": math.inf, "-Infinity": -math.inf}


class Kind(Enum):
    """GitHub's name for the kind of a value."""

    NULL = "Null"
    BOOLEAN = "Boolean"
    NUMBER = "Number"
    STRING = "String"
    ARRAY = "Array"
    OBJECT = "Object"


@final
@dataclass(frozen=True, slots=True, eq=False)
class Array:
    """A list of values; `filtered` marks the result of `.*`, on which an index applies to every item."""

    items: tuple[Value, ...] = ()
    filtered: bool = False

    def __len__(self) -> int:
        """Count the items."""
        return len(self.items)

    def __iter__(self) -> Iterator[Value]:
        """Walk the items in order."""
        return iter(self.items)


@final
class Object:
    """Ordered names and values; names differ by more than case unless `case_sensitive` (as `env` is on Linux)."""

    __slots__ = ("_entries", "case_sensitive")

    def __init__(self, entries: Iterable[tuple[str, Value]] = (), *, case_sensitive: bool = False) -> None:
        """Take names and values; of names that count as the same, the first one wins."""
        self.case_sensitive = case_sensitive
        self._entries: dict[str, tuple[str, Value]] = {}
        for name, value in entries:
            self._entries.setdefault(self._key(name), (name, value))

    def get(self, name: str) -> Value:
        """Return the value of `name`, or null."""
        entry = self._entries.get(self._key(name))
        return None if entry is None else entry[1]

    def items(self) -> Iterable[tuple[str, Value]]:
        """Walk names, as they were first written, and values."""
        return self._entries.values()

    def values(self) -> Iterator[Value]:
        """Walk the values in order."""
        return (value for _, value in self._entries.values())

    def __contains__(self, name: str) -> bool:
        """Tell whether there is such a name."""
        return self._key(name) in self._entries

    def __len__(self) -> int:
        """Count the names."""
        return len(self._entries)

    def __iter__(self) -> Iterator[str]:
        """Walk the names."""
        return (name for name, _ in self._entries.values())

    def __repr__(self) -> str:
        """Print as Python would a dictionary."""
        return f"Object({dict(self._entries.values())!r})"

    def _key(self, name: str) -> str:
        return name if self.case_sensitive else fold_case(name)


Value: TypeAlias = bool | float | str | Array | Object | None


def kind_of(value: Value) -> Kind:
    """Name the kind of `value`."""
    match value:
        case None:
            return Kind.NULL
        case bool():
            return Kind.BOOLEAN
        case str():
            return Kind.STRING
        case Array():
            return Kind.ARRAY
        case Object():
            return Kind.OBJECT
        case _:
            return Kind.NUMBER


def is_primitive(value: Value) -> bool:
    """Tell whether `value` is neither an array nor an object."""
    return not isinstance(value, (Array, Object))


def is_truthy(value: Value) -> bool:
    """Tell whether `value` counts as true: all but null, false, 0, NaN and the empty string."""
    if isinstance(value, (Array, Object)):
        return True
    if isinstance(value, float):
        return value != 0 and not math.isnan(value)
    return bool(value)


def to_number(value: Value) -> float:
    """Convert as JavaScript's `Number()`; what has no number is NaN."""
    match value:
        case None:
            return 0.0
        case bool() | float() | int():
            return float(value)
        case str():
            return parse_number(value)
        case _:
            return math.nan


def to_string(value: Value) -> str:
    """Convert as `format('{0}', value)` does; an array becomes the word Array."""
    match value:
        case str():
            return value
        case None:
            return ""
        case bool():
            return "true" if value else "false"
        case Array():
            return Kind.ARRAY.value
        case Object():
            return Kind.OBJECT.value
        case _:
            return format_number(value)


def parse_number(text: str) -> float:
    """Read a number as the expression language writes them; what is none is NaN, and blank is 0."""
    text = text.strip(WHITESPACE)
    if not text:
        return 0.0
    if _DECIMAL.fullmatch(text):
        return float(text)
    if prefixed := _PREFIXED.fullmatch(text):
        hexadecimal, octal = prefixed.groups()
        return _as_float(int(hexadecimal, 16) if hexadecimal else int(octal, 8))
    return _INFINITIES.get(text, math.nan)


def format_number(number: float) -> str:
    """Print with at most 15 digits, as .NET's `G15` but without a negative zero."""
    if number.is_integer() and abs(number) < 1e15:
        return str(int(number))
    if math.isinf(number):
        return "Infinity" if number > 0 else "-Infinity"
    return "NaN" if math.isnan(number) else format(number, ".15g").replace("e", "E")


def fold_case(text: str) -> str:
    """Return what strings share that differ in case only; character by character, as .NET's ordinal rules."""
    return text.upper() if text.isascii() else "".join(map(_upper, text))


def from_python(data: Any) -> Value:
    """Convert what JSON or YAML gave; values pass unchanged, so identity survives.

    Raises:
        TypeError: `data` holds something that is no value.
    """
    match data:
        case None | bool() | str() | float() | Array() | Object():
            return data
        case int():
            return _as_float(data)
        case Mapping():
            return Object((str(name), from_python(item)) for name, item in data.items())
        case Sequence():
            return Array(tuple(map(from_python, data)))
        case _:
            raise TypeError(f"{type(data).__name__} is no value of the expression language")


def to_python(value: Value) -> Any:
    """Convert to what `json.dumps` takes; whole numbers become `int`."""
    match value:
        case Array():
            return [to_python(item) for item in value]
        case Object():
            return {name: to_python(item) for name, item in value.items()}
        case float() if value.is_integer() and abs(value) <= 2**53:
            return int(value)
        case _:
            return value


def _as_float(number: int) -> float:
    try:
        return float(number)
    except OverflowError:
        return math.inf if number > 0 else -math.inf


def _upper(character: str) -> str:
    if character == "ı":  # .NET leaves the dotless i alone
        return character
    upper = character.upper()
    return upper if len(upper) == 1 else character
