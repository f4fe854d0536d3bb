"""A YAML document as a tree of nodes with places.

Every node keeps libyaml's marks; lines and columns are made of them when somebody asks. An alias is the very
node it names, so the tree may share parts; it never contains itself.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

from terraphim_runner.domain.diagnostic import Position, Span
from terraphim_runner.expressions.value import to_string
from terraphim_runner.workflow.source import Excerpt, Source, Style

if TYPE_CHECKING:
    from terraphim_runner.expressions.condition import Condition as ParsedCondition
    from terraphim_runner.expressions.template import Template as ParsedTemplate
    from terraphim_runner.workflow.scalar import ScalarValue


class Mark(Protocol):
    """A place as libyaml gives it; all three count characters from 0."""

    @property
    def index(self) -> int: ...
    @property
    def line(self) -> int: ...
    @property
    def column(self) -> int: ...


@dataclass(slots=True, eq=False)
class _Placed:
    source: Source = field(repr=False)
    start: Mark = field(repr=False)
    end: Mark = field(repr=False)

    @property
    def span(self) -> Span:
        """Say where the node is."""
        start = Position(self.start.line + 1, self.start.column + 1)
        return Span(self.source.file, start, Position(self.end.line + 1, self.end.column + 1))


@dataclass(slots=True, eq=False)
class ScalarNode(_Placed):
    """A scalar: its text after YAML's unquoting, and what the text means (`value`)."""

    text: str
    style: Style
    value: ScalarValue
    template: ParsedTemplate | None = field(default=None, repr=False)  # once `check` has parsed it
    condition: ParsedCondition | None = field(default=None, repr=False)  # the same for an `if`

    @property
    def excerpt(self) -> Excerpt:
        """Say where each character of the text was written."""
        return Excerpt(self.source, self.start.index, self.end.index, self.style)

    def string(self) -> str:
        """Give the value as GitHub turns it into a string."""
        return to_string(self.value)


@dataclass(slots=True, eq=False)
class SequenceNode(_Placed):
    """A sequence."""

    items: list[Node] = field(default_factory=list)


@dataclass(slots=True, eq=False)
class MappingNode(_Placed):
    """A mapping, in the author's order, duplicates included."""

    entries: list[tuple[ScalarNode, Node]] = field(default_factory=list)

    def get(self, key: str) -> Node | None:
        """Find the first value under a key."""
        return next((value for name, value in self.entries if name.text == key), None)


Node = ScalarNode | SequenceNode | MappingNode
