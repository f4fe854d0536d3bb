"""The steps that wait for background steps or cancel them."""

from __future__ import annotations

from typing import TYPE_CHECKING, assert_never

from terraphim_runner.domain.conclusion import Conclusion
from terraphim_runner.executor.step_end import StepEnd, StepReport
from terraphim_runner.executor.step_runner import continues
from terraphim_runner.workflow.step import CancelStep, ParallelStep, WaitAllStep, WaitStep

if TYPE_CHECKING:
    from terraphim_runner.executor.background import BackgroundStep, BackgroundSteps
    from terraphim_runner.executor.step_scope import StepScope
    from terraphim_runner.executor.turn import StepHeading

ControlStep = WaitStep | WaitAllStep | CancelStep | ParallelStep


async def run_control(
    step: ControlStep, background: BackgroundSteps, scope: StepScope, heading: StepHeading
) -> StepReport:
    """Wait or cancel; these steps run whatever happened before, in a cancelled job too, as on GitHub."""
    chosen, log = _chosen(step, background), heading.log
    if isinstance(step, CancelStep):
        log.say(f"Cancelling background step(s): {_names(chosen)}")
        await background.cancel(chosen)
        outcome = Conclusion.SUCCESS
    else:
        log.say(f"Waiting for background step(s) to complete: {_names(chosen)}")
        outcome = await background.wait(chosen)
    for waited in chosen:
        log.say(f"  {waited.name}: {'unknown' if waited.report is None else waited.report.conclusion.value}")
    end = StepEnd(outcome, reason=None if outcome is Conclusion.SUCCESS else _reason(chosen))
    if outcome is Conclusion.FAILURE and await continues(step, scope, log):
        return StepReport(heading.name, end, Conclusion.SUCCESS)
    return StepReport(heading.name, end, outcome)


def _chosen(step: ControlStep, background: BackgroundSteps) -> list[BackgroundStep]:
    match step:
        case WaitAllStep():
            return background.uncovered
        case WaitStep():
            return background.find(map(str, step.wait))
        case CancelStep():
            return background.find([str(step.cancel)])
        case ParallelStep():
            return background.find(inner.id for inner in step.steps)
        case _:
            assert_never(step)


def _names(steps: list[BackgroundStep]) -> str:
    return ", ".join(step.name for step in steps) or "(none)"


def _reason(steps: list[BackgroundStep]) -> str:
    bad = [step for step in steps if step.report and step.report.conclusion is not Conclusion.SUCCESS]
    return ", ".join(f"{step.name}: {step.report.conclusion.value}" for step in bad if step.report)
