"""`env`, `with` and `outputs`, evaluated."""

from __future__ import annotations

from typing import TYPE_CHECKING

from terraphim_runner.expressions.value import Object, to_string
from terraphim_runner.workflow.evaluation import evaluate_map, evaluate_template
from terraphim_runner.workflow.value import Template

if TYPE_CHECKING:
    from terraphim_runner.expressions.scope import Scope
    from terraphim_runner.workflow.value import TemplateMap


def evaluate_mapping(entries: TemplateMap | Template | None, scope: Scope) -> dict[str, str]:
    """Give names and strings; a whole mapping may be one expression.

    Raises:
        WorkflowError: an expression cannot be evaluated.
    """
    if entries is None:
        return {}
    if not isinstance(entries, Template):
        return evaluate_map(entries, scope)
    data = evaluate_template(entries, scope)
    return {name: to_string(item) for name, item in data.items()} if isinstance(data, Object) else {}
