"""The settings that a workflow and a job share: permissions, concurrency, defaults."""

from __future__ import annotations

from typing import TYPE_CHECKING

from terraphim_runner.workflow.concurrency import GROUP_TOO_LONG, MAX_GROUP
from terraphim_runner.workflow.job import Access, Concurrency, ConcurrencyQueue, Defaults, Permissions
from terraphim_runner.workflow.node import MappingNode, Node, ScalarNode
from terraphim_runner.workflow.read_value import entries, flag, get, is_true, scalar, template

if TYPE_CHECKING:
    from terraphim_runner.workflow.report import Report
    from terraphim_runner.workflow.value import Template

_ACCESS = {access.value: access for access in Access}


def read_permissions(node: Node | None) -> Permissions | None:
    """Read `permissions`; an empty mapping takes everything away."""
    match node:
        case ScalarNode():
            return Permissions(node.span, _ACCESS.get(node.string().removesuffix("-all"), Access.NONE))
        case MappingNode():
            scopes = {
                scope.value: _ACCESS[level.string()]
                for scope, level in entries(node)
                if isinstance(level, ScalarNode) and level.string() in _ACCESS
            }
            return Permissions(node.span, scopes=scopes)
        case _:
            return None


def read_concurrency(node: Node | None, report: Report) -> Concurrency | Template | None:
    """Read `concurrency`: a group, a mapping, or an expression."""
    if isinstance(node, ScalarNode):
        group = template(node)
        _check_group(group, node, report)
        return Concurrency(group, node.span) if group is not None else None
    group = template(get(node, "group"))
    if group is None or not isinstance(node, MappingNode):
        return None
    _check_group(group, node, report)
    queue = scalar(node, "queue")
    waits_for_all = queue is not None and queue.string() == ConcurrencyQueue.MAX.value
    if waits_for_all and is_true(node.get("cancel-in-progress")):
        key = next(key for key, _ in node.entries if key.string() == "queue")
        message = "'queue: max' cannot be combined with 'cancel-in-progress: true'."
        report.error(key.span, "queue-and-cancel", message)
    return Concurrency(
        group,
        node.span,
        cancel_in_progress=flag(node.get("cancel-in-progress")),
        queue=ConcurrencyQueue.MAX if waits_for_all else ConcurrencyQueue.SINGLE,
    )


def _check_group(group: Template | None, node: Node, report: Report) -> None:
    if group is not None and len(group.literal or "") > MAX_GROUP:
        report.error(node.span, "concurrency-group-too-long", GROUP_TOO_LONG)


def read_defaults(node: Node | None) -> Defaults | Template | None:
    """Read `defaults.run`."""
    run = get(node, "run")
    if run is None or node is None:
        return None
    if isinstance(run, ScalarNode):
        return template(run)
    return Defaults(run.span, template(get(run, "shell")), template(get(run, "working-directory")))
