"""What an author wrote, to what it means once contexts are known; faults get their place in the file."""

from __future__ import annotations

from typing import TYPE_CHECKING, NoReturn, assert_never

from terraphim_runner.domain.diagnostic import Diagnostic, Severity
from terraphim_runner.domain.errors import ExpressionError, WorkflowError
from terraphim_runner.expressions.value import Array, Kind, Object, is_primitive, kind_of, to_string
from terraphim_runner.workflow.template import is_insert
from terraphim_runner.workflow.value import Flag, Null, Number, Template, Text, ValueList, ValueMap

if TYPE_CHECKING:
    from collections.abc import Iterator

    from terraphim_runner.domain.diagnostic import Span
    from terraphim_runner.expressions.scope import Scope
    from terraphim_runner.expressions.value import Value as Data
    from terraphim_runner.workflow.value import TemplateMap, Value


def evaluate_template(template: Template, scope: Scope) -> Data:
    """Compute a template's value: of any kind if it is one expression alone, else a string.

    Raises:
        WorkflowError: an expression cannot be evaluated; the diagnostic is at that expression.
    """
    try:
        return template.parsed.evaluate(scope)
    except ExpressionError as error:
        span = template.locate(error.start, error.end)
        fault = Diagnostic(span, Severity.ERROR, "expression-evaluation", str(error), error.hint)
        raise WorkflowError([fault]) from error


def evaluate_string(template: Template, scope: Scope) -> str:
    """Compute a template that must come out as one string; numbers and booleans are written out.

    Raises:
        WorkflowError: it cannot be evaluated, or is an array or an object.
    """
    data = evaluate_template(template, scope)
    if not is_primitive(data):
        refuse(
            template.span, "expected-string", f"A string was expected, this is of the kind {kind_of(data).value}"
        )
    return to_string(data)


def evaluate_flag(value: Flag | Template, scope: Scope) -> bool:
    """Compute what must be a boolean.

    Raises:
        WorkflowError: it cannot be evaluated, or is no boolean.
    """
    data = evaluate_value(value, scope)
    if not isinstance(data, bool):
        refuse(
            value.span, "expected-boolean", f"A boolean was expected, this is of the kind {kind_of(data).value}"
        )
    return data


def evaluate_number(value: Number | Template, scope: Scope) -> float:
    """Compute what must be a number.

    Raises:
        WorkflowError: it cannot be evaluated, or is no number.
    """
    data = evaluate_value(value, scope)
    if kind_of(data) is not Kind.NUMBER or not isinstance(data, float):
        refuse(value.span, "expected-number", f"A number was expected, this is of the kind {kind_of(data).value}")
    return data


def evaluate_value(value: Value, scope: Scope) -> Data:
    """Compute a tree: every template in it, keys and `${{ insert }}` included.

    Raises:
        WorkflowError: something in it cannot be evaluated.
    """
    match value:
        case Null():
            return None
        case Flag() | Number():
            return value.value
        case Template():
            return evaluate_template(value, scope)
        case ValueList():
            return Array(tuple(_items(value, scope)))
        case ValueMap():
            return Object(_entries(value, scope))
        case _:
            assert_never(value)


def evaluate_map(entries: TemplateMap, scope: Scope) -> dict[str, str]:
    """Compute an `env`, `with` or `outputs`: names as the author spells them, to strings.

    Raises:
        WorkflowError: something in it cannot be evaluated, or is no string.
    """
    computed: dict[str, str] = {}
    for key, template in entries.entries:
        if isinstance(key, Template) and is_insert(key):
            computed |= {name: to_string(data) for name, data in _inserted(template, scope)}
        else:
            computed[_name(key, scope)] = evaluate_string(template, scope)
    return computed


def _items(value: ValueList, scope: Scope) -> Iterator[Data]:
    """Give the items; of one that is an expression and comes out as an array, its items in its place."""
    for item in value.items:
        data = evaluate_value(item, scope)
        if isinstance(item, Template) and isinstance(data, Array):
            yield from data
        else:
            yield data


def _entries(value: ValueMap, scope: Scope) -> Iterator[tuple[str, Data]]:
    for key, item in value.entries:
        if isinstance(key, Template) and is_insert(key):
            yield from _inserted(item, scope)
        else:
            yield _name(key, scope), evaluate_value(item, scope)


def _inserted(value: Value, scope: Scope) -> Iterator[tuple[str, Data]]:
    data = evaluate_value(value, scope)
    if not isinstance(data, Object):
        refuse(
            value.span, "expected-mapping", f"A mapping was expected, this is of the kind {kind_of(data).value}"
        )
    yield from data.items()


def _name(key: Text | Template, scope: Scope) -> str:
    return key.value if isinstance(key, Text) else evaluate_string(key, scope)


def refuse(span: Span, code: str, message: str, hint: str | None = None) -> NoReturn:
    """Give up on what the author wrote at `span`.

    Raises:
        WorkflowError: always.
    """
    raise WorkflowError([Diagnostic(span, Severity.ERROR, code, message, hint)])
