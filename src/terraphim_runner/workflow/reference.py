"""What the expressions in a part of the model look at."""

from __future__ import annotations

from dataclasses import fields, is_dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

from terraphim_runner.domain.diagnostic import Span
from terraphim_runner.expressions.node import Context, walk
from terraphim_runner.workflow.template import is_insert
from terraphim_runner.workflow.value import Condition, Template, Text

if TYPE_CHECKING:
    from collections.abc import Iterator

    from terraphim_runner.expressions.node import Node


def contexts_of(part: object) -> frozenset[str]:
    """Name the contexts, in lower case, that the expressions anywhere in a part of the model use."""
    return frozenset(
        node.name.casefold()
        for template in templates_of(part)
        if not is_insert(template)
        for expression in template.parsed.expressions
        for node in walk(expression)
        if isinstance(node, Context)
    )


def templates_of(part: object) -> Iterator[Template]:
    """Walk the templates in a part of the model, in the order of its fields."""
    return (each for each in _written_in(part) if isinstance(each, Template))


def expressions_of(part: object) -> Iterator[tuple[Template | Condition, Node]]:
    """Walk the expressions in a part of the model, conditions too, each with what it was written in."""
    for written in _written_in(part):
        match written:
            case Template():
                yield from ((written, node) for node in written.parsed.expressions)
            case Condition() if written.written:
                yield written, written.parsed.expression
            case _:
                pass


def _written_in(part: object) -> Iterator[Template | Condition]:
    if isinstance(part, Template | Condition):
        yield part
    elif isinstance(part, tuple):
        for item in part:
            yield from _written_in(item)
    else:
        kind: Any = type(part)
        for name in _telling_fields(kind):
            if (inner := getattr(part, name)) is not None:
                yield from _written_in(inner)


@cache
def _telling_fields(kind: Any) -> tuple[str, ...]:
    """Name the fields of a part of the model that may hold something written with expressions."""
    if not is_dataclass(kind) or kind is Span or kind is Text:
        return ()
    return tuple(each.name for each in fields(kind) if each.name != "span")
