"""How GitHub shows a step that has no name, and one whose name cannot be computed yet."""

from __future__ import annotations

from typing import TYPE_CHECKING, assert_never

from terraphim_runner.domain.errors import WorkflowError
from terraphim_runner.expressions.value import to_string
from terraphim_runner.workflow.evaluation import evaluate_template
from terraphim_runner.workflow.reference import contexts_of
from terraphim_runner.workflow.step import CancelStep, ParallelStep, RunStep, UsesStep, WaitAllStep, WaitStep

if TYPE_CHECKING:
    from collections.abc import Collection

    from terraphim_runner.expressions.scope import Scope
    from terraphim_runner.workflow.step import Step
    from terraphim_runner.workflow.value import Template


def step_name(step: Step, scope: Scope, known: Collection[str]) -> str:  # noqa: PLR0911 - one line per kind
    """Name a step; a text that needs a context which is not `known` yet is shown as written."""
    if step.name is not None and (name := shown(step.name, scope, known).strip()):
        return name
    match step:
        case RunStep():
            return f"Run {_first_line(shown(step.run, scope, known))}".rstrip()
        case UsesStep():
            return f"Run {step.uses}"
        case WaitStep():
            return f"Wait for {', '.join(map(str, step.wait))}"
        case WaitAllStep():
            return "Wait for all background steps"
        case CancelStep():
            return f"Cancel {step.cancel}"
        case ParallelStep():
            return f"Run {len(step.steps)} steps in parallel"
        case _:
            assert_never(step)


def shown(template: Template, scope: Scope, known: Collection[str]) -> str:
    """Compute a text that is only shown: as written where a context is missing or the evaluation fails."""
    if not contexts_of(template) <= set(known):
        return template.text
    try:
        return to_string(evaluate_template(template, scope))
    except WorkflowError:
        return template.text


def _first_line(script: str) -> str:
    return script.lstrip(" \t\r\n").partition("\n")[0].rstrip("\r")
