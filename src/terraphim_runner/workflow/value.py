"""What an author wrote, with its place: the leaves and trees every other part of the model is made of.

A string that may hold `${{ }}` is a `Template`; one that may not is a `Text`. A key that takes a boolean or an
expression is `Flag | Template`, and so on: the type says whether there is still something to evaluate.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from terraphim_runner.domain.diagnostic import Span
    from terraphim_runner.expressions.condition import Condition as ParsedCondition
    from terraphim_runner.expressions.template import Template as ParsedTemplate
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
class Template:
    """A string that may hold `${{ }}`.

    `parsed` is the engine's: its `node` is what is to be evaluated, if there is anything. One expression alone
    keeps the type of its value, anything else makes a string. Offsets in the trees count in `text`.
    """

    parsed: ParsedTemplate
    span: Span
    excerpt: Excerpt = field(compare=False, repr=False)

    @property
    def text(self) -> str:
        """Give the string as written, unevaluated."""
        return self.parsed.text

    @property
    def literal(self) -> str | None:
        """Give the string if there is nothing to evaluate."""
        return self.parsed.text if self.parsed.node is None else None

    def locate(self, start: int, end: int) -> Span:
        """Say where in the file a stretch of `text` was written."""
        return self.excerpt.span(self.text, start, end)

    def __str__(self) -> str:
        """Give the string as written, unevaluated."""
        return self.parsed.text


@dataclass(frozen=True, slots=True)
class Condition:
    """An `if:`, or the `success()` that stands for a missing one; then nothing is `written`.

    `parsed` is the engine's: `text` in full, with the `success()` that GitHub puts in front, and `node`.
    """

    parsed: ParsedCondition
    span: Span
    written: str = ""
    excerpt: Excerpt | None = field(default=None, compare=False, repr=False)

    @property
    def text(self) -> str:
        """Give the expression that decides, in full."""
        return self.parsed.text

    def locate(self, start: int, end: int) -> Span:
        """Say where in the file a stretch of `written` was written."""
        return self.span if self.excerpt is None else self.excerpt.span(self.written, start, end)


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
