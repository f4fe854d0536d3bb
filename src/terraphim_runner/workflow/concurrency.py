"""A concurrency group, evaluated."""

from __future__ import annotations

from typing import TYPE_CHECKING

from terraphim_runner.workflow.evaluation import evaluate_flag, evaluate_string, refuse
from terraphim_runner.workflow.job import ConcurrencyQueue
from terraphim_runner.workflow.run_plan import ConcurrencyPlan
from terraphim_runner.workflow.value import Template

if TYPE_CHECKING:
    from terraphim_runner.expressions.scope import Scope
    from terraphim_runner.workflow.job import Concurrency

MAX_GROUP = 400
GROUP_TOO_LONG = f"Concurrency group name must be less than {MAX_GROUP} characters"


def plan_concurrency(concurrency: Concurrency | Template | None, scope: Scope) -> ConcurrencyPlan | None:
    """Evaluate a `concurrency`, a name alone or with its options; None gives None.

    Raises:
        WorkflowError: it cannot be evaluated, or the name is empty or too long.
    """
    match concurrency:
        case None:
            return None
        case Template():
            return _plan_template(concurrency, scope)
        case _:
            cancel = concurrency.cancel_in_progress
            plan = ConcurrencyPlan(
                evaluate_string(concurrency.group, scope),
                cancel is not None and evaluate_flag(cancel, scope),
                concurrency.queue,
                concurrency.group.span,
            )
            return _checked(plan)


def _plan_template(template: Template, scope: Scope) -> ConcurrencyPlan:
    group = evaluate_string(template, scope)
    return _checked(ConcurrencyPlan(group, False, ConcurrencyQueue.SINGLE, template.span))


def _checked(plan: ConcurrencyPlan) -> ConcurrencyPlan:
    if not plan.group:
        refuse(plan.span, "empty-concurrency-group", "Concurrency group name cannot be empty")
    if len(plan.group) > MAX_GROUP:
        refuse(plan.span, "concurrency-group-too-long", GROUP_TOO_LONG)
    return plan
