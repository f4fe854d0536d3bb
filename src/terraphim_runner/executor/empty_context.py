"""What a workflow takes from GitHub's settings that nobody gave a local run."""

from __future__ import annotations

from typing import TYPE_CHECKING

from terraphim_runner.expressions.node import Context, Index, Literal, walk
from terraphim_runner.workflow.reference import expressions_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from terraphim_runner.expressions.node import Node
    from terraphim_runner.workflow.run_plan import RunPlan

_TOKENS = {("github", "TOKEN"): ("secrets", "GITHUB_TOKEN")}  # what is the same by another name


def empty_references(plan: RunPlan, given: Mapping[str, Mapping[str, str]]) -> dict[str, int]:
    """Give what the plan's jobs use and nobody gave, each with the line of its first use.

    `given` has the values of the contexts `secrets` and `vars`, under names in capitals.
    """
    lines: dict[str, int] = {}
    for part in (plan.workflow.env, *(planned.job for planned in plan.jobs)):
        for written, expression in expressions_of(part):
            for node in walk(expression):
                if (name := _reference(node, given)) is not None:
                    lines.setdefault(name, written.locate(node.start, node.end).start.line)
    return lines


def _reference(node: Node, given: Mapping[str, Mapping[str, str]]) -> str | None:
    match node:
        case Index(target=Context(name=context), index=Literal(value=str(name))):
            key = (context.casefold(), name.upper())
            context_given, name_given = _TOKENS.get(key, key)
            is_missing = context_given in given and name_given not in given[context_given]
            return f"{context.casefold()}.{name}" if is_missing else None
        case _:
            return None
