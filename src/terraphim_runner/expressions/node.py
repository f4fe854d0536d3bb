"""The syntax tree. Every node knows its stretch of the text: from `start` up to, not including, `end`."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Iterator

    from terraphim_runner.expressions.value import Value


class Comparator(Enum):
    """An operator that compares two values."""

    EQUAL = "=="
    NOT_EQUAL = "!="
    GREATER = ">"
    GREATER_OR_EQUAL = ">="
    LESS = "<"
    LESS_OR_EQUAL = "<="


@dataclass(frozen=True, slots=True)
class _Spanned:
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Literal(_Spanned):
    """A value written out; a property after a dot is one too."""

    value: Value


@dataclass(frozen=True, slots=True)
class Star(_Spanned):
    """The `*` of `.*` and `[*]`; it stands only where an index does."""


@dataclass(frozen=True, slots=True)
class Context(_Spanned):
    """The name of a context, as it was written."""

    name: str


@dataclass(frozen=True, slots=True)
class Index(_Spanned):
    """`target.property`, `target[index]` and `target.*`."""

    target: Node
    index: Node


@dataclass(frozen=True, slots=True)
class Call(_Spanned):
    """A function, its name as it was written, and its arguments."""

    name: str
    arguments: tuple[Node, ...]

    @property
    def name_end(self) -> int:
        """Where the name ends; it starts where the call does."""
        return self.start + len(self.name)


@dataclass(frozen=True, slots=True)
class Not(_Spanned):
    """`!operand`."""

    operand: Node


@dataclass(frozen=True, slots=True)
class Comparison(_Spanned):
    """`left == right` and its like."""

    comparator: Comparator
    left: Node
    right: Node


@dataclass(frozen=True, slots=True)
class And(_Spanned):
    """`a && b && c`: the first operand that counts as false, or the last one."""

    operands: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class Or(_Spanned):
    """`a || b || c`: the first operand that counts as true, or the last one."""

    operands: tuple[Node, ...]


Node: TypeAlias = Literal | Star | Context | Index | Call | Not | Comparison | And | Or


def children(node: Node) -> tuple[Node, ...]:
    """Return the nodes right below `node`, from left to right."""
    match node:
        case Index(target=target, index=index):
            return (target, index)
        case Call(arguments=operands) | And(operands=operands) | Or(operands=operands):
            return operands
        case Not(operand=operand):
            return (operand,)
        case Comparison(left=left, right=right):
            return (left, right)
        case _:
            return ()


def walk(node: Node) -> Iterator[Node]:
    """Visit `node` and all below it, parents first."""
    yield node
    for child in children(node):
        yield from walk(child)
