"""The inputs of an action: what the step gives, and the action's defaults."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from terraphim_runner.executor.mapping import evaluate_mapping
from terraphim_runner.workflow.evaluation import evaluate_string

if TYPE_CHECKING:
    from collections.abc import Mapping

    from terraphim_runner.executor.step_log import StepLog
    from terraphim_runner.executor.turn import Turn
    from terraphim_runner.workflow.action import Action, ActionInput
    from terraphim_runner.workflow.step import UsesStep


async def evaluate_inputs(step: UsesStep, action: Action, turn: Turn) -> dict[str, str]:
    """Give every input as a string; warn, as GitHub does, of those that the action does not know or want.

    Raises:
        WorkflowError: an expression in an input or a default cannot be evaluated.
    """
    inputs = await turn.scope.evaluate(partial(evaluate_mapping, step.with_))
    _warn(inputs, action, turn.log)
    given = {name.casefold() for name in inputs}
    for each in action.inputs:
        if each.name.value.casefold() not in given:
            inputs[each.name.value] = await _default(each, turn)
    return inputs


def input_variables(inputs: Mapping[str, str]) -> dict[str, str]:
    """Give the environment variables that a program finds the inputs in."""
    return {f"INPUT_{name.replace(' ', '_').upper()}": value for name, value in inputs.items()}


async def _default(declared: ActionInput, turn: Turn) -> str:
    if declared.default is None:
        return ""
    return await turn.scope.evaluate(partial(evaluate_string, declared.default))


def _warn(inputs: Mapping[str, str], action: Action, log: StepLog) -> None:
    for name in inputs:
        declared = action.input(name)
        if declared is not None and declared.deprecation_message is not None:
            deprecated = f"Input '{name}' has been deprecated with message: {declared.deprecation_message}"
            log.tell_warning(deprecated)
    unexpected = [name for name in inputs if action.input(name) is None]
    if unexpected:
        listed = "', '".join(unexpected)
        valid = "', '".join(each.name.value for each in action.inputs)
        message = f"Unexpected input(s) '{listed}', valid inputs are ['{valid}']"
        log.tell_warning(message)
