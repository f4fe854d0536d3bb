"""An `action.yml`'s text to its model, or to everything that is wrong with it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from terraphim_runner.workflow.action import (
    Action,
    ActionInput,
    ActionOutput,
    CompositeRuns,
    DockerRuns,
    NodeRuns,
    Runs,
)
from terraphim_runner.workflow.action_shape import NODE, action_shape
from terraphim_runner.workflow.check import check
from terraphim_runner.workflow.composer import DEFAULT_LIMITS, Limits, compose
from terraphim_runner.workflow.node import MappingNode
from terraphim_runner.workflow.property_check import check_action_properties
from terraphim_runner.workflow.read_step import read_steps
from terraphim_runner.workflow.read_value import (
    description,
    entries,
    get,
    is_true,
    scalar,
    template,
    template_map,
    templates,
)
from terraphim_runner.workflow.read_value import text as read_text
from terraphim_runner.workflow.report import Report
from terraphim_runner.workflow.source import Source
from terraphim_runner.workflow.step import RunStep, UsesStep
from terraphim_runner.workflow.template import make_condition

if TYPE_CHECKING:
    from terraphim_runner.domain.diagnostic import Diagnostic
    from terraphim_runner.workflow.node import Node
    from terraphim_runner.workflow.value import Condition, Text


@dataclass(frozen=True, slots=True)
class ActionResult:
    """The action, unless a diagnostic is an error; the diagnostics are in the order of the file."""

    action: Action | None
    diagnostics: tuple[Diagnostic, ...]


def read_action(text: str, file: str, *, lenient: bool = False, limits: Limits = DEFAULT_LIMITS) -> ActionResult:
    """Read an action file: every fault at once, each with its place. `file` only names it.

    GitHub's editor asks for a name, a description and known keys, its runner for none of these: `lenient`
    makes warnings of what the runner does not mind, and is how an action that is to run is read.
    """
    report = Report()
    source = Source(file, text.removeprefix("\ufeff"))
    root = compose(source, report, limits)
    if root is None:
        return ActionResult(None, report.diagnostics)
    runs = get(root, "runs")
    using = scalar(runs, "using")
    check(root, action_shape("" if using is None else using.string()), report, lenient=lenient)
    action = _action(file, root, _runs(root, runs, report))
    if action is not None:
        check_action_properties(action, report)
    return ActionResult(None if report.has_errors else action, report.diagnostics)


def _action(file: str, root: Node, runs: Runs | None) -> Action | None:
    if runs is None:
        return None
    return Action(
        file=file,
        runs=runs,
        name=read_text(get(root, "name")),
        description=read_text(get(root, "description")),
        author=read_text(get(root, "author")),
        inputs=tuple(_input(name, node) for name, node in entries(get(root, "inputs"))),
        outputs=tuple(_output(name, node) for name, node in entries(get(root, "outputs"))),
    )


def _input(name: Text, node: Node) -> ActionInput:
    return ActionInput(
        name,
        node.span,
        required=is_true(get(node, "required")),
        default=template(get(node, "default")),
        description=description(get(node, "description")),
        deprecation_message=description(get(node, "deprecationMessage")),
    )


def _output(name: Text, node: Node) -> ActionOutput:
    return ActionOutput(name, node.span, template(get(node, "value")), description(get(node, "description")))


def _runs(root: Node, runs: Node | None, report: Report) -> Runs | None:
    if runs is None and isinstance(root, MappingNode):
        report.error(root.span, "missing-key", "Required property is missing: runs")
    if get(runs, "plugin") is not None and runs is not None:
        hint = "it is built into GitHub's runner of 2019; use a later version of the action"
        report.error(runs.span, "plugin-action", "Actions of the kind 'plugin' are not supported", hint)
    using = read_text(get(runs, "using"))
    if using is None or runs is None:
        return None
    match using.value:
        case "docker":
            return _docker(using, runs)
        case "composite":
            steps = read_steps(get(runs, "steps"), report, in_action=True)
            return CompositeRuns(using, tuple(step for step in steps if isinstance(step, RunStep | UsesStep)))
        case name if name in NODE:
            return _node(using, runs)
        case _:
            return None


def _condition(runs: Node, key: str) -> Condition | None:
    written = scalar(runs, key)
    return None if written is None else make_condition(written, written.span)


def _node(using: Text, runs: Node) -> NodeRuns | None:
    main = read_text(get(runs, "main"))
    if main is None:
        return None
    return NodeRuns(
        using,
        main,
        pre=read_text(get(runs, "pre")),
        pre_if=_condition(runs, "pre-if"),
        post=read_text(get(runs, "post")),
        post_if=_condition(runs, "post-if"),
    )


def _docker(using: Text, runs: Node) -> DockerRuns | None:
    image, args = read_text(get(runs, "image")), templates(get(runs, "args"))
    if image is None:
        return None
    return DockerRuns(
        using,
        image,
        entrypoint=read_text(get(runs, "entrypoint")),
        args=args if isinstance(args, tuple) else (),
        env=template_map(get(runs, "env")),
        pre_entrypoint=read_text(get(runs, "pre-entrypoint")),
        pre_if=_condition(runs, "pre-if"),
        post_entrypoint=read_text(get(runs, "post-entrypoint")),
        post_if=_condition(runs, "post-if"),
    )
