"""Text with `${{ }}` in it.

A text that is one expression and nothing else has that expression's value, of whatever kind. Any other text is a
string, with each expression's value written out as `format` would.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

from terraphim_runner.domain.errors import ExpressionError, ExpressionErrorKind
from terraphim_runner.expressions.evaluator import evaluate
from terraphim_runner.expressions.limit import MAX_LENGTH
from terraphim_runner.expressions.node import Call, Literal, Node
from terraphim_runner.expressions.parser import parse
from terraphim_runner.expressions.value import WHITESPACE, Value

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

    from terraphim_runner.expressions.scope import Scope

OPEN = "${{"
CLOSE = "}}"

_NOT_CLOSED = (
    "The expression is not closed. An unescaped ${{ sequence was found, but the closing }} sequence was not found."
)
_INNER = re.compile(r"(?:[^'}]|'[^']*+'|\}(?!\}))*+\}\}")


@dataclass(frozen=True, slots=True)
class LiteralText:
    """Text outside `${{ }}`, from `start` up to `end`."""

    text: str
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class ExpressionText:
    """One `${{ }}` from `start` up to `end`; `text` is what is inside, without blanks, and begins at `inner`."""

    text: str
    start: int
    end: int
    inner: int


Segment: TypeAlias = LiteralText | ExpressionText


@dataclass(frozen=True, slots=True)
class Template:
    """A parsed text.

    `expressions` are those the author wrote, their offsets counted from the beginning of `text`. `node` is what
    GitHub makes of the whole, and `expression` how that is written: the only expression, or a call of `format`
    on all of them. A text without expressions has neither.
    """

    text: str
    expressions: tuple[Node, ...] = ()
    node: Node | None = None
    expression: str = ""

    def evaluate(self, scope: Scope) -> Value:
        """Compute the value: of any kind if this is one expression, else a string.

        Raises:
            ExpressionError: an expression cannot be evaluated.
        """
        return self.text if self.node is None else evaluate(self.node, scope)


def template(text: str) -> list[Segment]:
    """Split `text` at its `${{ }}`; a `}}` within an expression's string does not end it.

    Raises:
        ExpressionError: a `${{` is never closed, or there is nothing in it.
    """
    return list(_segments(text))


def parse_template(
    text: str, *, names: Collection[str] | None = None, functions: Collection[str] | None = None
) -> Template:
    """Split `text` and parse its expressions; `names` and `functions` as for `parse`.

    Raises:
        ExpressionError: a `${{` is not closed, or what is in it is no expression.
    """
    if OPEN not in text:
        return Template(text)
    segments = template(text)
    written = [segment for segment in segments if isinstance(segment, ExpressionText)]
    nodes = tuple(
        parse(text, names=names, functions=functions, start=segment.inner, end=segment.inner + len(segment.text))
        for segment in written
    )
    if len(segments) == 1:
        return Template(text, nodes, nodes[0], written[0].text)
    return _as_format(text, segments, nodes)


def interpolate(text: str, scope: Scope) -> Value:
    """Compute the value of a text with `${{ }}` in it.

    Raises:
        ExpressionError: it cannot be read or evaluated.
    """
    return parse_template(text).evaluate(scope)


def _as_format(text: str, segments: list[Segment], nodes: tuple[Node, ...]) -> Template:
    pattern = ""
    arguments: list[str] = []
    for segment in segments:
        match segment:
            case LiteralText():
                pattern += segment.text.replace("{", "{{").replace("}", "}}")
            case ExpressionText():
                pattern += f"{{{len(arguments)}}}"
                arguments.append(segment.text)
    quoted = pattern.replace("'", "''")
    expression = ", ".join([f"format('{quoted}'", *arguments]) + ")"
    if len(expression) > MAX_LENGTH:
        message = f"Exceeded max expression length {MAX_LENGTH}"
        hint = "GitHub counts the text around ${{ }} too; pass values through env instead"
        raise ExpressionError(ExpressionErrorKind.PARSING, message, end=len(text), hint=hint)
    call = Call(0, len(text), "format", (Literal(0, len(text), pattern), *nodes))
    return Template(text, nodes, call, expression)


def _segments(text: str) -> Iterator[Segment]:
    position = 0
    while (start := text.find(OPEN, position)) >= 0:
        if start > position:
            yield LiteralText(text[position:start], position, start)
        segment = _expression(text, start)
        yield segment
        position = segment.end
    if position < len(text):
        yield LiteralText(text[position:], position, len(text))


def _expression(text: str, start: int) -> ExpressionText:
    match = _INNER.match(text, start + len(OPEN))
    if match is None:
        hint = "end it with }}; a single quote opens a string, which has to end before"
        raise ExpressionError(ExpressionErrorKind.PARSING, _NOT_CLOSED, start=start, end=len(text), hint=hint)
    inside = text[match.start() : match.end() - len(CLOSE)]
    expression = inside.strip(WHITESPACE)
    if not expression:
        message = "An expression was expected"
        raise ExpressionError(ExpressionErrorKind.PARSING, message, start=start, end=match.end())
    blank = len(inside) - len(inside.lstrip(WHITESPACE))
    return ExpressionText(expression, start, match.end(), match.start() + blank)
