"""What a workflow takes from GitHub's settings, which a local run has none of."""

from __future__ import annotations

from typing import TYPE_CHECKING

from terraphim_runner.expressions.node import Context, Index, Literal, walk
from terraphim_runner.workflow.reference import expressions_of

if TYPE_CHECKING:
    from terraphim_runner.expressions.node import Node
    from terraphim_runner.workflow.run_plan import RunPlan

_EMPTY = frozenset({"secrets", "vars"})


def empty_references(plan: RunPlan) -> dict[str, int]:
    """Give the secrets and variables that the plan's jobs use, each with the line of its first use."""
    lines: dict[str, int] = {}
    for part in (plan.workflow.env, *(planned.job for planned in plan.jobs)):
        for written, expression in expressions_of(part):
            for node in walk(expression):
                if (name := _reference(node)) is not None:
                    lines.setdefault(name, written.locate(node.start, node.end).start.line)
    return lines


def _reference(node: Node) -> str | None:
    match node:
        case Index(target=Context(name=context), index=Literal(value=str(name))) if context.casefold() in _EMPTY:
            return f"{context.casefold()}.{name}"
        case _:
            return None
