"""Holds a tree of nodes against the shapes of the language, and reports everything that does not fit."""

from __future__ import annotations

from collections import Counter
from functools import lru_cache
from typing import TYPE_CHECKING

from terraphim_runner.domain.errors import ExpressionError
from terraphim_runner.expressions.template import OPEN, parse_template
from terraphim_runner.expressions.value import fold_case
from terraphim_runner.workflow.allowance import Allowance
from terraphim_runner.workflow.node import MappingNode, Node, ScalarNode, SequenceNode
from terraphim_runner.workflow.shape import ANYTHING, Record, Shape
from terraphim_runner.workflow.template import is_directive, quoted_literal, read_condition, read_template

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from terraphim_runner.domain.diagnostic import Span
    from terraphim_runner.expressions.template import Template
    from terraphim_runner.workflow.report import Report

_NOWHERE = Allowance()
_ANY_RECORD = Record(loose=ANYTHING)


def check(root: Node, shape: Shape, report: Report, *, lenient: bool = False) -> None:
    """Report every place where a tree does not fit; `lenient` makes warnings of what only an editor minds."""
    _Checker(report, lenient=lenient).check(root, shape, _NOWHERE)


@lru_cache(maxsize=256)
def _joined(outer: Allowance, inner: Allowance) -> Allowance:
    return outer | inner


class _Checker:
    def __init__(self, report: Report, *, lenient: bool) -> None:
        self._report = report
        self._lenient = lenient
        self._advisory = 0  # how many of the shapes around are advisory

    def check(self, node: Node, shape: Shape, outer: Allowance) -> None:
        allowed = outer if shape.allowed is None else _joined(outer, shape.allowed)
        self._advisory += shape.advisory
        match node:
            case ScalarNode():
                self._scalar(node, shape, allowed)
            case SequenceNode():
                self._sequence(node, shape, allowed)
            case MappingNode():
                self._mapping(node, shape, allowed)
        self._advisory -= shape.advisory

    def _scalar(self, node: ScalarNode, shape: Shape, allowed: Allowance) -> None:
        text = node.string()
        if shape.condition is not None:
            node.condition = read_condition(node, shape.condition, allowed, self._report)
        elif OPEN in text:
            self._template(node, shape, allowed)
        elif not _accepts(node, shape, text):
            self._unexpected(node, text, shape)

    def _template(self, node: ScalarNode, shape: Shape, allowed: Allowance) -> None:
        parsed = read_template(node, allowed, self._report) if allowed.contexts else _unscoped(node)
        node.template = parsed
        if parsed is None:
            if not allowed.contexts:
                self._expression_not_allowed(node)
            return
        literal = quoted_literal(parsed)
        if is_directive(parsed.node):
            self._error(node.span, "unexpected-value", f"Unexpected value '{parsed.text}'")
        elif literal is not None and not _accepts_text(shape, literal):
            self._unexpected(node, literal, shape)

    def _expression_not_allowed(self, node: ScalarNode) -> None:
        text = node.string()
        start = text.find(OPEN)
        span = node.excerpt.span(text, start, start + len(OPEN))
        self._error(span, "expression-not-allowed", "A template expression is not allowed in this context")

    def _unexpected(self, node: ScalarNode, text: str, shape: Shape) -> None:
        choices = shape.string.choices if shape.string is not None else None
        hint = (self._report.did_you_mean(text, choices) if choices else None) or _expected(shape)
        self._error(node.span, "unexpected-value", f"Unexpected value '{text}'", hint)

    def _sequence(self, node: SequenceNode, shape: Shape, allowed: Allowance) -> None:
        item = ANYTHING if shape.anything else shape.items
        if item is None:
            self._error(node.span, "unexpected-sequence", "A sequence was not expected", _expected(shape))
            return
        for each in node.items:
            self.check(each, item, allowed)

    def _mapping(self, node: MappingNode, shape: Shape, allowed: Allowance) -> None:
        records: Sequence[Record] = (_ANY_RECORD,) if shape.anything else shape.records
        if not records:
            self._error(node.span, "unexpected-mapping", "A mapping was not expected", _expected(shape))
            return
        seen: dict[str, ScalarNode] = {}
        computed = False
        for key, value in node.entries:
            if OPEN in key.text and self._computed_key(key, allowed):
                computed = True
                self.check(value, _of_computed_key(records), allowed)
            elif self._is_new(key, seen):
                records = self._entry(key, value, records, allowed)
        self._complete(node, records, seen, computed=computed)

    def _computed_key(self, key: ScalarNode, allowed: Allowance) -> bool:
        """Read a key that may hold an expression; say whether it does."""
        if not allowed.contexts:
            parsed = _unscoped(key)
            if parsed is None:
                self._expression_not_allowed(key)
        else:
            parsed = read_template(key, allowed, self._report)
        key.template = parsed
        return parsed is None or quoted_literal(parsed) is None

    def _is_new(self, key: ScalarNode, seen: dict[str, ScalarNode]) -> bool:
        first = seen.setdefault(fold_case(key.string()), key)
        if first is key or not key.string():
            return True
        hint = f"the first one is on line {first.span.start.line}; put what both hold under one"
        self._error(key.span, "duplicate-key", f"'{key.string()}' is already defined", hint)
        return False

    def _entry(
        self, key: ScalarNode, value: Node, records: Sequence[Record], allowed: Allowance
    ) -> Sequence[Record]:
        """Check one entry; return the kinds of mapping that are still possible."""
        name = key.string()
        knowing = [record for record in records if name in record.keys]
        if knowing:
            self.check(value, knowing[0].keys[name], allowed)
            return knowing
        loose = records[0].loose
        if name in records[0].ignored:
            message = f"'{name}' has no effect here: GitHub ignores it"
            self._report.warning(key.span, "ignored-key", message, _keys_hint(list(records[0].keys)))
        elif loose is not None:
            if not name:
                self._error(key.span, "empty-key", f"Unexpected value '{name}'", "a name is expected here")
            self.check(value, loose, allowed)
        else:
            self._unknown_key(key, name, records)
        return records

    def _unknown_key(self, key: ScalarNode, name: str, records: Sequence[Record]) -> None:
        known = [each for record in records for each in record.keys]
        hint = records[0].strays.get(name) or self._report.did_you_mean(name, known)
        if hint is None and name == "<<":
            hint = "GitHub does not support merge keys; an alias can only stand for a whole value"
        advisory = all(record.advisory for record in records)
        self._error(
            key.span, "unknown-key", f"Unexpected value '{name}'", hint or _keys_hint(known), advisory=advisory
        )

    def _complete(
        self, node: MappingNode, records: Sequence[Record], seen: Collection[str], *, computed: bool
    ) -> None:
        if len(records) > 1:
            message = "There's not enough info to determine what you meant. Add one of these properties: "
            needed = dict.fromkeys(key for record in records for key in record.required)
            hint = f"one of these is needed: {', '.join(needed)}" if needed else None
            self._error(node.span, "ambiguous-mapping", message + _telling(records), hint)
            return
        if computed:
            return
        for name in records[0].required:
            if fold_case(name) not in seen:
                message = f"Required property is missing: {name}"
                hint = f"add `{name}:` beside the keys that begin here"
                self._error(node.span, "missing-key", message, hint, advisory=records[0].advisory)

    def _error(
        self, span: Span, code: str, message: str, hint: str | None = None, *, advisory: bool = False
    ) -> None:
        advised = self._lenient and (advisory or self._advisory > 0)
        tell = self._report.warning if advised else self._report.error
        tell(span, code, message, hint)


def _unscoped(node: ScalarNode) -> Template | None:
    """Parse text where expressions are not allowed: only a quoted `${{` is."""
    try:
        parsed = parse_template(node.string())
    except ExpressionError:
        return None
    return None if quoted_literal(parsed) is None else parsed


def _accepts(node: ScalarNode, shape: Shape, text: str) -> bool:
    if shape.anything or (shape.null and node.value is None):
        return True
    fits = shape.boolean if isinstance(node.value, bool) else shape.number and isinstance(node.value, float)
    return fits or _accepts_text(shape, text)


def _of_computed_key(records: Sequence[Record]) -> Shape:
    """Give what stands at a key that is only known later: it may be any of the keys, or one of the others."""
    return ANYTHING if records[0].keys else records[0].loose or ANYTHING


def _accepts_text(shape: Shape, text: str) -> bool:
    return shape.anything or (shape.string is not None and shape.string.accept(text))


def _telling(records: Sequence[Record]) -> str:
    """List the keys that tell kinds of mapping apart."""
    counts = Counter(key for record in records for key in record.keys)
    return ", ".join(sorted(key for key, count in counts.items() if count == 1))


def _keys_hint(known: Sequence[str]) -> str | None:
    return f"known here: {', '.join(sorted(set(known)))}" if known else None


def _expected(shape: Shape) -> str | None:
    """Say what would have been right."""
    if shape.string is not None and shape.string.choices is not None:
        scalars = ", ".join(sorted(shape.string.choices))
        return f"expected one of: {scalars}"
    kinds = [
        ("true or false", shape.boolean),
        ("a number", shape.number),
        ("a string", shape.string is not None),
        ("a list", shape.items is not None),
        ("a mapping", bool(shape.records)),
        ("nothing", shape.null),
    ]
    names = [name for name, wanted in kinds if wanted]
    return f"expected {' or '.join(names)}" if names else None
