"""Run the steps of a composite action, one after the other, into the log of the step that uses it."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from terraphim_runner.domain.conclusion import Conclusion
from terraphim_runner.executor.frame import CONTEXTS
from terraphim_runner.executor.step_end import StepEnd
from terraphim_runner.executor.step_runner import StepRunner
from terraphim_runner.executor.stop import StopReason
from terraphim_runner.executor.turn import StepHeading
from terraphim_runner.workflow.display_name import step_name

if TYPE_CHECKING:
    from collections.abc import Sequence

    from terraphim_runner.executor.stage_step import StageStep
    from terraphim_runner.executor.step_end import StepReport
    from terraphim_runner.executor.step_scope import StepScope
    from terraphim_runner.executor.turn import Turn
    from terraphim_runner.workflow.step import RunStep, UsesStep


async def run_nested(steps: Sequence[RunStep | UsesStep], scope: StepScope, turn: Turn) -> StepEnd:
    """Run `steps` in `scope`, made by `turn.scope.nested`; what they leave is in `scope.record`.

    Raises:
        MachineLost | GuestError | HostError: the VM or this machine failed, not a step.
    """
    reports = []
    for number, step in enumerate(steps, start=1):
        own = scope.at_step()
        name = await own.evaluate(partial(step_name, step, known=CONTEXTS))
        heading = StepHeading(f"{turn.label}-{number}", name, turn.log)
        report = await _run(StepRunner(step, own, heading, stop=turn.stop), heading)
        scope.record.add(step.id, report)
        reports.append(report)
        if turn.stop.reason is StopReason.TIMED_OUT or report.end.is_undecided:
            break  # as on GitHub, even those with `always()` do not run any more
    return _end(reports)


async def run_stages(stages: Sequence[StageStep], turn: Turn) -> StepEnd:
    """Run the `pre` or `post` stages of the actions in a composite action.

    Raises:
        MachineLost | GuestError | HostError: the VM or this machine failed, not a step.
    """
    reports = []
    for number, stage in enumerate(stages, start=1):
        heading = StepHeading(f"{turn.label}-{number}", stage.name, turn.log)
        runner = StepRunner(stage.step, stage.scope, heading, stop=turn.stop, work=stage.perform)
        reports.append(await _run(runner, heading))
    return _end(reports)


async def _run(runner: StepRunner, heading: StepHeading) -> StepReport:
    if (end := await runner.prepare()) is not None:
        return await runner.report(end)
    starting = f"Starting: {heading.name}"
    heading.log.tell_debug(starting)
    return await runner.perform()


def _end(reports: Sequence[StepReport]) -> StepEnd:
    """Give the worst of them: for GitHub's runner that is one that was cancelled."""
    for conclusion, what in ((Conclusion.CANCELLED, "was cancelled"), (Conclusion.FAILURE, "failed")):
        for report in reports:
            if report.conclusion is conclusion:
                return StepEnd(conclusion, reason=f"in the action this {what}: {report.name}")
    return StepEnd(Conclusion.SUCCESS)
