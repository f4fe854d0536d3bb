"""The one place where the workflow layer meets the expression engine: scalars to templates and conditions."""

from __future__ import annotations

from typing import TYPE_CHECKING

from terraphim_runner.domain.diagnostic import Severity
from terraphim_runner.domain.errors import ExpressionError
from terraphim_runner.expressions.check import check
from terraphim_runner.expressions.condition import condition as parse_condition
from terraphim_runner.expressions.node import Context, Literal
from terraphim_runner.expressions.parser import parse
from terraphim_runner.expressions.template import OPEN, ExpressionText, parse_template, template
from terraphim_runner.workflow.shape import Conditional
from terraphim_runner.workflow.value import Condition, Template

if TYPE_CHECKING:
    from terraphim_runner.domain.diagnostic import Span
    from terraphim_runner.expressions.condition import Condition as ParsedCondition
    from terraphim_runner.expressions.node import Node
    from terraphim_runner.expressions.template import Template as ParsedTemplate
    from terraphim_runner.workflow.allowance import Allowance
    from terraphim_runner.workflow.node import ScalarNode
    from terraphim_runner.workflow.report import Report

INSERT = "insert"

_EMBEDDED_DIRECTIVE = (
    "The directive 'insert' is not allowed in this context. Directives are not supported for expressions that are"
    " embedded within a string. Directives are only supported when the entire value is an expression."
)
_CONSTANT_TEXT = (
    "Conditional expression contains literal text outside replacement tokens. This will cause the expression to"
    " always evaluate to truthy. Did you mean to put the entire expression inside ${{ }}?"
)
_CONSTANT_TEXT_HINT = "put all of it inside one ${{ }}, or take the ${{ and }} away"
_EXPLICIT = (
    "Explicit expression syntax ${{ }} is not supported here. Remove the ${{ }} markers and use the expression"
    " directly."
)


def read_template(scalar: ScalarNode, allowed: Allowance, report: Report) -> ParsedTemplate | None:
    """Parse a scalar's text; report what is no expression, or not allowed here; None if it does not parse."""
    text = scalar.string()
    try:
        parsed = parse_template(text)
    except ExpressionError as error:
        _report_all(scalar, text, error, report)
        return None
    for node in parsed.expressions:
        if is_directive(node):
            if len(parsed.expressions) > 1 or parsed.node is not node:
                report.error(scalar.span, "directive-in-string", _EMBEDDED_DIRECTIVE)
            continue
        _check(scalar, text, node, allowed, report)
    return parsed


def read_condition(
    scalar: ScalarNode, kind: Conditional, allowed: Allowance, report: Report
) -> ParsedCondition | None:
    """Parse an `if`; report what is no expression, or not allowed here; None if it does not parse."""
    text = scalar.string()
    try:
        parsed = parse_condition(_unquoted(text))
    except ExpressionError as error:
        _report_all(scalar, text, error, report)
        return None
    _check(scalar, text, parsed.expression, allowed, report)
    if kind is Conditional.RUNS and OPEN in text:
        report.error(scalar.span, "expression-syntax-not-supported", _EXPLICIT, "remove the ${{ and }}")
    elif parsed.is_constant_text:
        is_written = text[parsed.expression.start :].lower().startswith("format")
        tell = report.error if is_written or kind is Conditional.ACTION else report.warning
        tell(scalar.span, "literal-text-in-condition", _CONSTANT_TEXT, _CONSTANT_TEXT_HINT)
    return parsed


def _unquoted(text: str) -> str:
    """Take the string of `${{ '…' }}` alone for the condition, as GitHub does."""
    literal = quoted_literal(parse_template(text)) if OPEN in text else None
    return text if literal is None else literal


def _check(scalar: ScalarNode, text: str, node: Node, allowed: Allowance, report: Report) -> None:
    for problem in check(node, allowed.contexts, allowed.functions):
        span = scalar.excerpt.span(text, problem.start, problem.end)
        tell = report.error if problem.severity is Severity.ERROR else report.warning
        tell(span, problem.code, problem.message, problem.advice)


def _report_all(scalar: ScalarNode, text: str, first: ExpressionError, report: Report) -> None:
    """Report the fault that ended the parsing, and those of the expressions after it."""
    _report(scalar, text, first, report)
    if OPEN not in text:
        return
    try:
        segments = template(text)
    except ExpressionError:
        return
    for segment in segments:
        if not isinstance(segment, ExpressionText) or segment.inner <= first.start:
            continue
        try:
            parse(text, start=segment.inner, end=segment.inner + len(segment.text))
        except ExpressionError as error:
            _report(scalar, text, error, report)


def _report(scalar: ScalarNode, text: str, error: ExpressionError, report: Report) -> None:
    span = scalar.excerpt.span(text, error.start, error.end)
    report.error(span, "expression-syntax", str(error), error.hint)


def is_directive(node: Node | None) -> bool:
    """Tell whether an expression is `insert`, which merges a mapping into the one it stands in."""
    return isinstance(node, Context) and node.name == INSERT


def is_insert(key: Template) -> bool:
    """Tell whether a key is the directive that merges its value's entries into the mapping it stands in."""
    return is_directive(key.parsed.node)


def quoted_literal(parsed: ParsedTemplate) -> str | None:
    """Give the string of `${{ '…' }}` alone: that is how `${{` itself is written, and no expression."""
    node = parsed.node
    return node.value if isinstance(node, Literal) and isinstance(node.value, str) else None


def make_template(scalar: ScalarNode) -> Template:
    """Make the template of a scalar; its faults have been reported, so here it is a text without expressions."""
    text = scalar.string()
    parsed = scalar.template
    if parsed is None:
        try:
            parsed = parse_template(text)
        except ExpressionError:
            parsed = parse_template("")
    return Template(parsed, scalar.span, scalar.excerpt)


def make_condition(scalar: ScalarNode | None, place: Span) -> Condition:
    """Make the condition of a job or step: what is written, or `success()`, which stands for nothing at all."""
    if scalar is None or scalar.condition is None:
        return Condition(parse_condition(""), place)
    return Condition(scalar.condition, scalar.span, scalar.string(), scalar.excerpt)


def always(place: Span) -> Condition:
    """Make the condition of what runs whatever happened."""
    return Condition(parse_condition("always()"), place, "always()")
