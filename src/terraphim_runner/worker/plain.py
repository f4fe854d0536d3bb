"""Frozen dataclasses as JSON and back, by their type hints: nothing but the types named there can come out."""

from __future__ import annotations

import base64
import collections.abc as abstract
import dataclasses
import types
import typing
from datetime import datetime
from enum import Enum
from functools import cache
from pathlib import Path
from typing import Any

from terraphim_runner.domain import budget, conclusion, diagnostic, event, ident, usage
from terraphim_runner.domain.event import RunEvent
from terraphim_runner.pool import limits, status
from terraphim_runner.ports import action_store
from terraphim_runner.workflow import matrix_choice

_EVENTS = {kind.__name__: kind for kind in typing.get_args(RunEvent)}
# Names that annotations use and their modules import for type checkers only.
_NAMES = {
    **vars(budget),
    **vars(conclusion),
    **vars(diagnostic),
    **vars(event),
    **vars(ident),
    **vars(action_store),
    **vars(matrix_choice),
    **vars(limits),
    **vars(status),
    **vars(usage),
    **{name: getattr(abstract, name) for name in ("Mapping", "Sequence", "Collection")},
    "datetime": datetime,
    "Path": Path,
    "Any": Any,
}


def event_to_plain(value: RunEvent) -> dict[str, Any]:
    """Give an event as JSON knows it, with its kind."""
    return {"kind": type(value).__name__, **to_plain(value)}


def event_from_plain(data: dict[str, Any]) -> RunEvent:
    """Give the event back.

    Raises:
        KeyError | TypeError | ValueError: it is none.
    """
    value: RunEvent = from_plain(_EVENTS[data["kind"]], data)
    return value


def to_plain(value: Any) -> Any:  # noqa: PLR0911  # a table
    """Give a value as JSON knows it."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {field.name: to_plain(getattr(value, field.name)) for field in dataclasses.fields(value)}
    match value:
        case Enum():
            return value.value
        case datetime():
            return value.isoformat()
        case Path():
            return str(value)
        case bytes():
            return base64.b64encode(value).decode()
        case abstract.Mapping():
            return {str(key): to_plain(item) for key, item in value.items()}
        case list() | tuple() | set() | frozenset():
            return [to_plain(item) for item in value]
        case _:
            return value


def from_plain(kind: Any, data: Any) -> Any:
    """Give the value of a type back.

    Raises:
        KeyError | TypeError | ValueError: the data is none of that type.
    """
    if data is None or kind is Any:
        return data
    if isinstance(kind, typing.NewType):
        return from_plain(kind.__supertype__, data)
    if dataclasses.is_dataclass(kind):
        return _dataclass_from(kind, data)
    if isinstance(kind, type) and issubclass(kind, Enum):
        return kind(data)
    return _READERS.get(typing.get_origin(kind) or kind, _as_it_is)(kind, data)


def _dataclass_from(kind: Any, data: dict[str, Any]) -> Any:
    hints = _hints(kind)
    known = {field.name for field in dataclasses.fields(kind)}
    return kind(**{name: from_plain(hints[name], item) for name, item in data.items() if name in known})


@cache
def _hints(kind: Any) -> dict[str, Any]:
    return typing.get_type_hints(kind, localns=_NAMES)


def _as_it_is(kind: Any, data: Any) -> Any:
    if kind in {str, int, bool, float} and not isinstance(data, (kind, int) if kind is float else kind):
        raise TypeError(f"{data!r} is no {kind.__name__}")
    return data


def _union(kind: Any, data: Any) -> Any:
    (inner, *others) = (each for each in typing.get_args(kind) if each is not types.NoneType)
    return data if others else from_plain(inner, data)


def _tuple(kind: Any, data: Any) -> Any:
    inner = typing.get_args(kind)
    if len(inner) == 2 and inner[1] is Ellipsis:
        return tuple(from_plain(inner[0], item) for item in data)
    return tuple(from_plain(each, item) for each, item in zip(inner, data, strict=True))


def _list(kind: Any, data: Any) -> Any:
    inner = typing.get_args(kind)
    return [from_plain(inner[0] if inner else Any, item) for item in data]


def _mapping(kind: Any, data: Any) -> Any:
    inner = typing.get_args(kind)
    return {key: from_plain(inner[1] if inner else Any, item) for key, item in data.items()}


_READERS: dict[Any, abstract.Callable[[Any, Any], Any]] = {
    typing.Union: _union,
    types.UnionType: _union,
    tuple: _tuple,
    list: _list,
    frozenset: lambda kind, data: frozenset(_list(kind, data)),
    abstract.Sequence: _list,
    abstract.Collection: _list,
    dict: _mapping,
    abstract.Mapping: _mapping,
    datetime: lambda _, data: datetime.fromisoformat(data),
    Path: lambda _, data: Path(data),
    bytes: lambda _, data: base64.b64decode(data),
}
