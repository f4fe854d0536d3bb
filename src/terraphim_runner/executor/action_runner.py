"""The seam behind which actions are run."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Sequence

    from terraphim_runner.executor.stage_step import StageStep
    from terraphim_runner.executor.step_end import StepEnd
    from terraphim_runner.executor.step_scope import StepScope
    from terraphim_runner.executor.turn import Turn
    from terraphim_runner.workflow.step import Step, UsesStep


class ActionRunner(Protocol):
    """Runs the steps that use an action."""

    async def pre_steps(self, steps: Sequence[Step], scope: StepScope) -> Sequence[StageStep]:
        """Give what the actions that `steps` use want done before any of them.

        Raises:
            WorkflowError | HostError: an action cannot be read; what was planned can.
        """
        ...

    async def run(self, step: UsesStep, turn: Turn) -> StepEnd:
        """Run the action to its end.

        What is left to do at the job's end goes on the stack `turn.scope.state.posts`. When `turn.stop` is
        requested the action has to come to an end; what it then returns is overruled by the reason of the stop.

        Raises:
            WorkflowError: an expression in the step cannot be evaluated; the step fails.
            MachineLost | GuestError | HostError: the VM or this machine failed, not the step.
        """
        ...
