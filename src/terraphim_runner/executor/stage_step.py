"""What an action wants done before or after the job's own steps."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from terraphim_runner.executor.step_end import StepEnd
    from terraphim_runner.executor.step_scope import StepScope
    from terraphim_runner.executor.turn import Turn
    from terraphim_runner.workflow.step import UsesStep


@dataclass(frozen=True, slots=True)
class StageStep:
    """A step around the main steps, or around those of a composite action: `pre` or `post` of an action.

    `step` is the step of the action with its condition replaced by `pre-if` or `post-if` (`always()` where none
    is written): its `env`, `timeout-minutes` and `continue-on-error` hold for this one, too.
    """

    name: str  # `Pre ` or `Post ` and the name of the step
    step: UsesStep
    scope: StepScope  # of the list of steps that the action stands in
    perform: Callable[[Turn], Awaitable[StepEnd]]
