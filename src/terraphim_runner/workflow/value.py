"""What an author wrote, with its place: the leaves and trees every other part of the model is made of.

A string that may hold `${{ }}` is a `Template`; one that may not is a `Text`. A key that takes a boolean or an
expression is `Flag | Template`, and so on: the type says whether there is still something to evaluate.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from terraphim_runner.domain.diagnostic import Position, Span
    from terraphim_runner.workflow.expression import Node
    from terraphim_runner.workflow.source import Excerpt


@dataclass(frozen=True, slots=True)
class Null:
    """`null`, `~` or nothing at all."""

    span: Span


@dataclass(frozen=True, slots=True)
class Flag:
    """`true` or `false`."""

    value: bool
    span: Span


@dataclass(frozen=True, slots=True)
class Number:
    """A number; GitHub has only double precision."""

    value: float
    span: Span


@dataclass(frozen=True, slots=True)
class Text:
    """A string that cannot hold an expression: an id, a `uses`, a key."""

    value: str
    span: Span

    def __str__(self) -> str:
        """Give the string itself."""
        return self.value


@dataclass(frozen=True, slots=True)
class Interpolation:
    """One `${{ }}` of a template: its text without the braces and outer blanks, its tree, its place."""

    text: str
    node: Node
    span: Span
    offset: int  # of `text` in the template's text


@dataclass(frozen=True, slots=True)
class Template:
    """A string that may hold `${{ }}`; `segments` alternates what is literal and what is to be evaluated.

    One interpolation alone keeps the type of its value; anything else makes a string.
    """

    text: str
    span: Span
    segments: tuple[str | Interpolation, ...]
    excerpt: Excerpt = field(compare=False, repr=False)

    @property
    def literal(self) -> str | None:
        """Give the string if there is nothing to evaluate."""
        return None if any(isinstance(segment, Interpolation) for segment in self.segments) else self.text

    @property
    def single(self) -> Interpolation | None:
        """Give the interpolation if it is the whole template."""
        only = self.segments[0] if len(self.segments) == 1 else None
        return only if isinstance(only, Interpolation) else None

    @property
    def interpolations(self) -> Iterator[Interpolation]:
        """Give every `${{ }}` in order."""
        return (segment for segment in self.segments if isinstance(segment, Interpolation))

    def position(self, offset: int) -> Position:
        """Say where in the file the character at `offset` of `text` was written."""
        return self.excerpt.position(self.text, offset)

    def __str__(self) -> str:
        """Give the text as written, unevaluated."""
        return self.text


@dataclass(frozen=True, slots=True)
class Condition:
    """An `if:`: the expression that decides, `success()` put in front where the author named no status.

    `text` is what is evaluated, `written` what the author wrote (nothing, for the implied `success()`).
    """

    text: str
    node: Node
    span: Span
    written: Template | None = None


@dataclass(frozen=True, slots=True)
class ValueList:
    """A sequence of anything."""

    items: tuple[Value, ...]
    span: Span


@dataclass(frozen=True, slots=True)
class ValueMap:
    """A mapping of anything, in the author's order. A key `${{ insert }}` merges its value's entries."""

    entries: tuple[tuple[Text | Template, Value], ...]
    span: Span


Value = Null | Flag | Number | Template | ValueList | ValueMap


@dataclass(frozen=True, slots=True)
class TemplateMap:
    """A mapping from names to strings: `env`, `with`, `outputs`. Names keep the author's spelling and order.

    An entry whose key is a `Template` is an insertion (`${{ insert }}`) or a computed name.
    """

    entries: tuple[tuple[Text | Template, Template], ...]
    span: Span

    def get(self, name: str) -> Template | None:
        """Find an entry by its literal name, whatever the case."""
        wanted = name.casefold()
        for key, value in self.entries:
            if isinstance(key, Text) and key.value.casefold() == wanted:
                return value
        return None
