"""What may stand where in a file, as data.

A `Shape` says what one place accepts: any mix of scalars, a list, one or several kinds of mapping, and which
contexts and functions an expression there may use. The tables of the language are made of shapes; `check`
holds nodes against them. A scalar that does not fit as what it is may still fit as a string, as GitHub has it.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from enum import Enum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from terraphim_runner.workflow.allowance import Allowance


class Conditional(Enum):
    """The kinds of `if`, by what text around `${{ }}` does: it makes every result a true string."""

    WORKFLOW = "workflow"  # GitHub runs the file, its editor complains: a warning
    ACTION = "action"  # an error
    RUNS = "runs"  # `pre-if` and `post-if`: an error, like the braces themselves


@dataclass(frozen=True, slots=True)
class Words:
    """Which strings are accepted."""

    non_empty: bool = False
    choices: frozenset[str] | None = None

    def accept(self, text: str) -> bool:
        """Say whether a string fits."""
        return not (self.non_empty and not text) and (self.choices is None or text in self.choices)


@dataclass(frozen=True, slots=True)
class Record:
    """One kind of mapping: the keys it knows, those it needs, what others may hold if there may be any."""

    keys: Mapping[str, Shape] = field(default_factory=dict)
    required: tuple[str, ...] = ()
    loose: Shape | None = None
    ignored: frozenset[str] = frozenset()  # keys that mean nothing here, to GitHub and to us: a warning
    advisory: bool = False  # GitHub's editor insists on these keys, its runner does not
    strays: Mapping[str, str] = field(default_factory=dict)  # keys that belong elsewhere, and where that is


@dataclass(frozen=True, slots=True)
class Shape:
    """What one place accepts; `anything` means any tree."""

    null: bool = False
    boolean: bool = False
    number: bool = False
    string: Words | None = None
    items: Shape | None = None
    records: tuple[Record, ...] = ()
    anything: bool = False
    condition: Conditional | None = None  # the string is an expression, with or without `${{ }}`
    allowed: Allowance | None = None
    advisory: bool = False  # see Record

    def within(self, allowed: Allowance) -> Shape:
        """Allow expressions here and below."""
        return replace(self, allowed=allowed)


def either(*shapes: Shape) -> Shape:
    """Accept what any of the shapes accepts; at most one of them may have a list."""
    return Shape(
        null=any(shape.null for shape in shapes),
        boolean=any(shape.boolean for shape in shapes),
        number=any(shape.number for shape in shapes),
        string=_either_words([shape.string for shape in shapes if shape.string is not None]),
        items=next((shape.items for shape in shapes if shape.items is not None), None),
        records=tuple(record for shape in shapes for record in shape.records),
        anything=any(shape.anything for shape in shapes),
    )


def _either_words(words: list[Words]) -> Words | None:
    if not words:
        return None
    choices = [each.choices for each in words if each.choices is not None]
    narrowed = len(choices) == len(words)
    return Words(all(each.non_empty for each in words), frozenset().union(*choices) if narrowed else None)


def condition(kind: Conditional, allowed: Allowance) -> Shape:
    """Accept an `if`."""
    return Shape(string=Words(), condition=kind, allowed=allowed)


NULL = Shape(null=True)
BOOLEAN = Shape(boolean=True)
NUMBER = Shape(number=True)
STRING = Shape(string=Words())
NON_EMPTY = Shape(string=Words(non_empty=True))
ANYTHING = Shape(anything=True)


def one_of(*choices: str) -> Shape:
    """Accept these strings."""
    return Shape(string=Words(choices=frozenset(choices)))


def list_of(item: Shape) -> Shape:
    """Accept a sequence."""
    return Shape(items=item)


def record(
    keys: Mapping[str, Shape] | None = None,
    *,
    required: tuple[str, ...] = (),
    loose: Shape | None = None,
    advisory: bool = False,
    strays: Mapping[str, str] | None = None,
) -> Shape:
    """Accept one kind of mapping."""
    return Shape(records=(Record(keys or {}, required, loose, advisory=advisory, strays=strays or {}),))


STRINGS = list_of(NON_EMPTY)
STRING_OR_STRINGS = either(NON_EMPTY, STRINGS)
