"""The values a workflow's inputs get, by the types it declares."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, assert_never

from terraphim_runner.domain.diagnostic import Diagnostic, Severity
from terraphim_runner.domain.errors import WorkflowError
from terraphim_runner.expressions.value import Kind, Object, kind_of, parse_number, to_string
from terraphim_runner.workflow.evaluation import evaluate_value
from terraphim_runner.workflow.event import InputType
from terraphim_runner.workflow.suggestion import did_you_mean
from terraphim_runner.workflow.value import Template

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from terraphim_runner.domain.diagnostic import Span
    from terraphim_runner.expressions.scope import Scope
    from terraphim_runner.expressions.value import Value as Data
    from terraphim_runner.workflow.event import Input, WorkflowDispatch

_UNEXPECTED = {Kind.ARRAY: "A sequence was not expected", Kind.OBJECT: "A mapping was not expected"}
_EMPTY: dict[InputType, Data] = {InputType.BOOLEAN: False, InputType.NUMBER: 0.0}


def dispatch_inputs(trigger: WorkflowDispatch, given: Mapping[str, object]) -> Object:
    """Give the `inputs` context of a run started by hand; texts are read as the declared types.

    Raises:
        WorkflowError: an input is missing, unknown or not of its type; all such faults at once.
    """
    by_name = {name.casefold(): value for name, value in given.items()}
    faults = [*_unknown(trigger, given)]
    values: list[tuple[str, Data]] = []
    for declared in trigger.inputs:
        value = by_name.get(declared.name.value.casefold())
        try:
            values.append((declared.name.value, _dispatched(declared, value)))
        except WorkflowError as error:
            faults += error.diagnostics
    if faults:
        raise WorkflowError(faults)
    return Object(values)


def default_value(declared: Input, scope: Scope) -> Data:
    """Give what an input is where nothing is given; only a called workflow's default needs the scope.

    Raises:
        WorkflowError: the default cannot be evaluated, or is not of the input's type.
    """
    if declared.default is None:
        return _EMPTY.get(declared.type, "")
    return typed_value(declared, evaluate_value(declared.default, scope), declared.default.span)


def typed_value(declared: Input, data: Data, span: Span) -> Data:
    """Insist on the declared type; a string input takes any scalar.

    Raises:
        WorkflowError: it does not fit; the diagnostic is at `span`.
    """
    kind = kind_of(data)
    match declared.type:
        case InputType.BOOLEAN:
            fits = kind is Kind.BOOLEAN
        case InputType.NUMBER:
            fits = kind is Kind.NUMBER
        case InputType.STRING | InputType.CHOICE | InputType.ENVIRONMENT:
            fits = kind not in {Kind.ARRAY, Kind.OBJECT}
            data = to_string(data) if fits else data
        case _:
            assert_never(declared.type)
    if not fits:
        hint = f"the input '{declared.name}' must be a {declared.type.value}"
        raise WorkflowError([_fault(span, "wrong-input-type", _UNEXPECTED.get(kind) or _unexpected(data), hint)])
    return data


def _unexpected(data: Data) -> str:
    return f"Unexpected value '{to_string(data)}'"


def _dispatched(declared: Input, given: object) -> Data:
    if given is None or given == "":
        if declared.required and declared.default is None:
            message = f"Input '{declared.name}' is required, but not provided"
            hint = f"give it with --input {declared.name}=VALUE"
            raise WorkflowError([_fault(declared.span, "missing-input", message, hint)])
        return _from_text(declared, _default_text(declared))
    return _from_text(declared, str(given).lower() if isinstance(given, bool) else str(given))


def _default_text(declared: Input) -> str:
    if declared.default is None:
        return ""
    return declared.default.text if isinstance(declared.default, Template) else to_string(declared.default.value)


def _from_text(declared: Input, text: str) -> Data:
    match declared.type:
        case InputType.BOOLEAN:
            choices: Sequence[str] = ("true", "false")
        case InputType.CHOICE:
            choices = [str(option) for option in declared.options]
        case InputType.NUMBER:
            return _number(declared, text)
        case InputType.STRING | InputType.ENVIRONMENT:
            return text
        case _:
            assert_never(declared.type)
    text = text.lower() if declared.type is InputType.BOOLEAN else text
    if text and text not in choices:
        message = f"Input '{declared.name}' is '{text}', but must be one of: {', '.join(choices)}"
        raise WorkflowError([_fault(declared.span, "wrong-input-type", message, did_you_mean(text, choices))])
    return text == "true" if declared.type is InputType.BOOLEAN else text


def _number(declared: Input, text: str) -> float:
    number = parse_number(text)
    if math.isnan(number):
        message = f"Input '{declared.name}' is '{text}', but must be a number"
        raise WorkflowError([_fault(declared.span, "wrong-input-type", message)])
    return number


def _unknown(trigger: WorkflowDispatch, given: Mapping[str, object]) -> list[Diagnostic]:
    known = {declared.name.value.casefold(): declared.name.value for declared in trigger.inputs}
    return [
        _fault(
            trigger.name.span,
            "unknown-input",
            f"Input '{name}' is not defined in on.workflow_dispatch.inputs",
            did_you_mean(name, known.values()) or f"it defines: {', '.join(known.values()) or 'none'}",
        )
        for name in given
        if name.casefold() not in known
    ]


def _fault(span: Span, code: str, message: str, hint: str | None = None) -> Diagnostic:
    return Diagnostic(span, Severity.ERROR, code, message, hint)
