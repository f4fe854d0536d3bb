"""Which contexts a part of the model looks at."""

from __future__ import annotations

from dataclasses import fields, is_dataclass
from typing import TYPE_CHECKING

from terraphim_runner.expressions.node import Context, walk
from terraphim_runner.workflow.value import Template

if TYPE_CHECKING:
    from collections.abc import Iterator


def contexts_of(part: object) -> frozenset[str]:
    """Name the contexts, in lower case, that the expressions anywhere in a part of the model use."""
    return frozenset(
        node.name.casefold()
        for template in templates_of(part)
        for expression in template.parsed.expressions
        for node in walk(expression)
        if isinstance(node, Context)
    )


def templates_of(part: object) -> Iterator[Template]:
    """Walk the templates in a part of the model, in the order of its fields."""
    if isinstance(part, Template):
        yield part
    elif isinstance(part, tuple):
        for item in part:
            yield from templates_of(item)
    elif is_dataclass(part) and not isinstance(part, type):
        for each in fields(part):
            yield from templates_of(getattr(part, each.name))
