"""Run the steps of a composite action, one after the other, into the log of the step that uses it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from terraphim_runner.executor.frame import CONTEXTS
from terraphim_runner.executor.step_runner import StepRunner
from terraphim_runner.executor.turn import StepHeading
from terraphim_runner.workflow.display_name import step_name

if TYPE_CHECKING:
    from collections.abc import Sequence

    from terraphim_runner.domain.conclusion import Conclusion
    from terraphim_runner.executor.step_scope import StepScope
    from terraphim_runner.executor.turn import Turn
    from terraphim_runner.workflow.step import RunStep, UsesStep


async def run_nested(steps: Sequence[RunStep | UsesStep], scope: StepScope, turn: Turn) -> Conclusion:
    """Run `steps` in `scope`, made by `turn.scope.nested`; give success or failure, and outputs in `scope.record`.

    Raises:
        MachineLost | GuestError | HostError: the VM or this machine failed, not a step.
    """
    for number, step in enumerate(steps, start=1):
        await _run(step, scope, turn, f"{turn.label}-{number}")
    return scope.record.status


async def _run(step: RunStep | UsesStep, scope: StepScope, turn: Turn, label: str) -> None:
    scope = scope.at_step()
    name = await scope.evaluate(lambda expressions: step_name(step, expressions, CONTEXTS))
    runner = StepRunner(step, scope, StepHeading(label, name, turn.log), stop=turn.stop)
    if (end := await runner.prepare()) is not None:
        report = await runner.report(end)
    else:
        starting = f"Starting: {name}"
        turn.log.tell_debug(starting)
        report = await runner.perform()
    scope.record.add(step.id, report)
