"""`on:` to triggers, and what is wrong with them beyond their shape."""

from __future__ import annotations

from typing import TYPE_CHECKING

from terraphim_runner.workflow.cron import cron_fault, runs_too_often
from terraphim_runner.workflow.event import (
    CallOutput,
    Cron,
    Event,
    Filter,
    Input,
    InputType,
    Schedule,
    SecretDeclaration,
    Trigger,
    WorkflowCall,
    WorkflowDispatch,
)
from terraphim_runner.workflow.node import MappingNode, Node, ScalarNode, SequenceNode
from terraphim_runner.workflow.pattern import pattern_fault, ref_doubt
from terraphim_runner.workflow.read_value import description, entries, flag, get, is_true, template, text, texts
from terraphim_runner.workflow.value import Flag, Number, Text

if TYPE_CHECKING:
    from terraphim_runner.workflow.report import Report
    from terraphim_runner.workflow.value import Template

_MAX_INPUTS = 25
_CRON = "Invalid cron expression. Expected format: '* * * * *' (minute hour day month weekday)"


def read_triggers(node: Node | None, report: Report) -> tuple[Trigger, ...]:
    """Read `on:` in any of its forms."""
    if isinstance(node, MappingNode):
        return tuple(_trigger(name, value, report) for name, value in entries(node))
    names = {name.value: name for name in texts(node)}
    return tuple(_trigger(name, None, report) for name in names.values())


def _trigger(name: Text, node: Node | None, report: Report) -> Trigger:
    match name.value:
        case "schedule":
            return Schedule(name, _crons(name, node, report))
        case "workflow_dispatch":
            return WorkflowDispatch(name, _dispatch_inputs(node, report))
        case "workflow_call":
            return _workflow_call(name, node, report)
        case _:
            return _event(name, node, report)


# ---------------------------------------------------------------- events
def _event(name: Text, node: Node | None, report: Report) -> Event:
    for first, second in (("branches", "branches-ignore"), ("tags", "tags-ignore"), ("paths", "paths-ignore")):
        _refuse_both(name, node, (first, second), report)
    for key in ("branches", "branches-ignore", "tags", "tags-ignore"):
        _check_patterns(get(node, key), report, refs=True)
    for key in ("paths", "paths-ignore"):
        _check_patterns(get(node, key), report, refs=False)
    return Event(
        name,
        types=_filter(node, "types"),
        branches=_filter(node, "branches"),
        branches_ignore=_filter(node, "branches-ignore"),
        tags=_filter(node, "tags"),
        tags_ignore=_filter(node, "tags-ignore"),
        paths=_filter(node, "paths"),
        paths_ignore=_filter(node, "paths-ignore"),
        workflows=_filter(node, "workflows"),
        names=_filter(node, "names"),
        versions=_filter(node, "versions"),
    )


def _filter(node: Node | None, key: str) -> Filter | None:
    value = get(node, key)
    return None if value is None else Filter(texts(value), value.span)


def _refuse_both(name: Text, node: Node | None, keys: tuple[str, str], report: Report) -> None:
    first, second = keys
    if get(node, first) is not None and get(node, second) is not None and isinstance(node, MappingNode):
        key = next(key for key, _ in reversed(node.entries) if key.string() in keys)
        message = f"'{first}' and '{second}' cannot be used together for the event '{name}'"
        hint = f"use '{first}' alone; a pattern that begins with ! takes away what an earlier one allowed"
        report.error(key.span, "filters-exclude-each-other", message, hint)


def _check_patterns(node: Node | None, report: Report, *, refs: bool) -> None:
    for pattern in texts(node):
        fault = pattern_fault(pattern.value)
        if fault is not None:
            report.warning(pattern.span, "bad-pattern", f"Nothing matches '{pattern}': {fault}")
        elif refs and (doubt := ref_doubt(pattern.value)) is not None:
            report.warning(pattern.span, "pattern-never-matches", f"Nothing matches '{pattern}': {doubt}")
    if isinstance(node, SequenceNode) and node.items and _only_negative(node):
        message = "All patterns begin with !, so nothing can match; add a pattern to match first"
        report.warning(node.span, "pattern-never-matches", message)


def _only_negative(node: SequenceNode) -> bool:
    return all(pattern.value.startswith("!") for pattern in texts(node))


# ---------------------------------------------------------------- schedule
def _crons(name: Text, node: Node | None, report: Report) -> tuple[Cron, ...]:
    if node is None:
        report.warning(name.span, "schedule-without-cron", "A schedule without a cron line never runs")
    items = node.items if isinstance(node, SequenceNode) else []
    return tuple(cron for cron in (_cron(item, report) for item in items) if cron is not None)


def _cron(node: Node, report: Report) -> Cron | None:
    line = text(get(node, "cron"))
    if line is None:
        return None
    if (fault := cron_fault(line.value)) is not None:
        report.error(line.span, "bad-cron", _CRON, fault)
    elif runs_too_often(line.value):
        message = (
            f"Actions schedules run at most every 5 minutes. '{line}' will not run as frequently as specified."
        )
        report.warning(line.span, "cron-too-often", message)
    return Cron(line, text(get(node, "timezone")), node.span)


# ---------------------------------------------------------------- inputs, secrets, outputs
def _dispatch_inputs(node: Node | None, report: Report) -> tuple[Input, ...]:
    declared = list(entries(get(node, "inputs")))
    inputs = tuple(_input(name, value, report) for name, value in declared)
    for read, (_, value) in zip(inputs, declared, strict=True):
        _check_options(read, value, report)
    if len(inputs) > _MAX_INPUTS:
        message = f"A workflow takes at most {_MAX_INPUTS} inputs, this is one more"
        report.warning(inputs[_MAX_INPUTS].name.span, "too-many-inputs", message)
    return inputs


def _workflow_call(name: Text, node: Node | None, report: Report) -> WorkflowCall:
    inputs = (_input(key, value, report) for key, value in entries(get(node, "inputs")))
    secrets = (
        SecretDeclaration(key, is_true(get(value, "required")), description(get(value, "description")), value.span)
        for key, value in entries(get(node, "secrets"))
    )
    outputs = (
        CallOutput(key, value, description(get(output, "description")), output.span)
        for key, output in entries(get(node, "outputs"))
        if (value := template(get(output, "value"))) is not None
    )
    return WorkflowCall(name, tuple(inputs), tuple(secrets), tuple(outputs))


def _input(name: Text, node: Node, report: Report) -> Input:
    written = get(node, "type")
    kind = InputType.STRING
    if isinstance(written, ScalarNode) and written.string() in {each.value for each in InputType}:
        kind = InputType(written.string())
    options = texts(get(node, "options"))
    default = _default(get(node, "default"))
    _check_default(default, kind, options, report)
    return Input(
        name,
        type=kind,
        required=is_true(get(node, "required")),
        default=default,
        description=description(get(node, "description")),
        options=options,
        span=node.span,
    )


def _default(node: Node | None) -> Template | Flag | Number | None:
    if isinstance(node, ScalarNode) and isinstance(node.value, float):
        return Number(node.value, node.span)
    return flag(node)


def _check_options(read: Input, node: Node, report: Report) -> None:
    if read.type is InputType.CHOICE and not read.options:
        report.error(node.span, "choice-without-options", "Missing 'options' for choice input")
    elif read.type is not InputType.CHOICE and get(node, "options") is not None:
        message = "Input type is not 'choice', but 'options' is defined"
        report.error(
            node.span, "options-without-choice", message, f"add `type: choice` to the input '{read.name}'"
        )


def _check_default(
    default: Template | Flag | Number | None, kind: InputType, options: tuple[Text, ...], report: Report
) -> None:
    """Warn of a default of another type: GitHub's editor refuses it, GitHub itself takes it."""
    match default, kind:
        case (None, _) | (Flag(), InputType.BOOLEAN) | (Number(), InputType.NUMBER):
            return
        case Flag() | Number(), InputType.STRING | InputType.ENVIRONMENT | InputType.CHOICE:
            fits = kind is not InputType.CHOICE
        case Flag() | Number(), _:
            fits = False
        case value, InputType.BOOLEAN | InputType.NUMBER:
            fits = value.parsed.node is not None
        case value, InputType.CHOICE:
            fits = value.parsed.node is not None or value.text in {option.value for option in options}
        case _:
            fits = True
    if not fits and default is not None:
        message = f"The default is no value of the type {kind.value}"
        hint = f"options: {', '.join(map(str, options))}" if options else None
        report.warning(default.span, "default-of-other-type", message, hint)
