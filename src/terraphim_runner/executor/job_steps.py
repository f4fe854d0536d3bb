"""Run the steps of a job in order, and tell of each: main steps, then post steps, the last one pushed first."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

import anyio

from terraphim_runner.domain.conclusion import Conclusion
from terraphim_runner.domain.errors import HostError, InfraError
from terraphim_runner.domain.event import StepFinished, StepResult, StepStarted
from terraphim_runner.domain.ident import StepPlace
from terraphim_runner.executor.background import BackgroundStep, BackgroundSteps
from terraphim_runner.executor.control_step import run_control
from terraphim_runner.executor.frame import CONTEXTS
from terraphim_runner.executor.step_end import StepEnd, StepReport
from terraphim_runner.executor.step_log import StepLog
from terraphim_runner.executor.step_runner import StepRunner
from terraphim_runner.executor.stop import Stop
from terraphim_runner.executor.turn import StepHeading
from terraphim_runner.link.single_error import single_error
from terraphim_runner.workflow.display_name import step_name
from terraphim_runner.workflow.step import RunStep, UsesStep, WaitAllStep, in_order

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from terraphim_runner.executor.stage_step import StageStep
    from terraphim_runner.executor.step_scope import StepScope
    from terraphim_runner.workflow.step import Step

_IMPLICIT = "__implicit_wait_all"


class JobSteps:
    """The steps of one job; `results` and `trouble` tell what came of them."""

    def __init__(self, scope: StepScope) -> None:
        """Run them in `scope`, the job's."""
        self._scope = scope
        self._frame = scope.frame
        self._sink = scope.frame.run.sink
        self._clock = scope.frame.run.clock
        self._results: list[StepResult] = []
        self._due: list[int] = []  # numbers
        self._number = 0
        self._more = sum(1 for _ in in_order(scope.frame.job.steps))  # what was not planned is numbered after it
        self.trouble: InfraError | HostError | None = None  # the VM or this machine failed: no step runs any more

    @property
    def results(self) -> list[StepResult]:
        """The steps that are over, in the order in which they were due."""
        return sorted(self._results, key=lambda step: self._due.index(step.number))

    async def run(self) -> None:
        """Run what actions want done first, every step whose condition holds, then what actions left to do."""
        for stage in await self._scope.state.actions.pre_steps(self._frame.job.steps, self._scope):
            await self._run_stage(stage)
        with single_error():
            await self._run_main()
        posts = self._scope.state.posts
        while posts:
            await self._run_stage(posts.pop())

    async def _run_main(self) -> None:
        async with anyio.create_task_group() as tasks:
            background = BackgroundSteps(self._scope, tasks)
            for step in in_order(self._frame.job.steps):
                await self._run(step, background)
            if background.uncovered:
                await self._run(WaitAllStep(id=_IMPLICIT, span=self._frame.job.span), background)
        if background.has_failed:
            self._scope.record.fail()

    async def _run(self, step: Step, background: BackgroundSteps) -> None:
        scope = self._scope.at_step()
        heading = self._next(await self._name(step, scope), is_planned=step.id != _IMPLICIT)
        if not isinstance(step, RunStep | UsesStep):
            work = partial(run_control, step, background, self._scope, heading)
            self._scope.record.add(step.id, await self._tell(heading, partial(self._announced, heading, work)))
        elif step.background:
            await self._start(step, background, scope, heading)
        else:
            runner = StepRunner(step, scope, heading)
            self._scope.record.add(step.id, await self._tell(heading, partial(self._whole, runner, heading)))

    async def _start(
        self, step: RunStep | UsesStep, background: BackgroundSteps, scope: StepScope, heading: StepHeading
    ) -> None:
        """Decide about a background step now, and have it do its work beside the others."""
        fork, stop = self._scope.environment.fork(), Stop(self._clock)
        scope = replace(scope, environment=fork)
        runner = StepRunner(step, scope, heading, stop=stop, is_background=True)
        if (end := self._end_after_trouble() or await runner.prepare()) is not None:
            self._scope.record.add(step.id, await self._tell(heading, partial(runner.report, end)))
            return
        work = partial(self._tell, heading, partial(self._prepared, runner, heading))
        await background.start(BackgroundStep(step.id, heading.name, fork, stop), work)

    async def _run_stage(self, stage: StageStep) -> None:
        heading = self._next(stage.name, is_planned=False)
        runner = StepRunner(stage.step, stage.scope, heading, work=stage.perform)
        if (await self._tell(heading, partial(self._whole, runner, heading))).is_failure:
            self._scope.record.fail()

    async def _whole(self, runner: StepRunner, heading: StepHeading) -> StepReport:
        if (end := self._end_after_trouble() or await runner.prepare()) is not None:
            return await runner.report(end)
        return await self._prepared(runner, heading)

    async def _prepared(self, runner: StepRunner, heading: StepHeading) -> StepReport:
        return await self._announced(heading, runner.perform)

    async def _announced(self, heading: StepHeading, work: Callable[[], Awaitable[StepReport]]) -> StepReport:
        if (end := self._end_after_trouble()) is not None:
            return StepReport(heading.name, end, end.outcome)
        self._sink.emit(StepStarted(self._clock.now(), self._frame.key, int(heading.label), heading.name))
        return await work()

    async def _tell(self, heading: StepHeading, work: Callable[[], Awaitable[StepReport]]) -> StepReport:
        """Do the work of a step and send its end; that the machine failed is kept in `trouble`."""
        started_s = self._clock.monotonic_s()
        try:
            report = await work()
        except (InfraError, HostError) as error:
            self.trouble = self.trouble or error
            heading.log.tell_error(str(error))
            end = StepEnd(Conclusion.FAILURE, reason=str(error))
            report = StepReport(heading.name, end, Conclusion.FAILURE)
        self._finish(int(heading.label), report, self._clock.monotonic_s() - started_s)
        return report

    async def _name(self, step: Step, scope: StepScope) -> str:
        try:
            return await scope.evaluate(lambda expressions: step_name(step, expressions, CONTEXTS))
        except (InfraError, HostError) as error:  # files were to be hashed for the name
            self.trouble = self.trouble or error
            return step.id

    def _next(self, name: str, *, is_planned: bool) -> StepHeading:
        run, number = self._frame.run, self._next_number(is_planned=is_planned)
        self._due.append(number)
        place = StepPlace(self._frame.key, number)
        log = StepLog(place, run.sink, run.clock, run.masker, shows_debug=self._frame.is_debugging)
        return StepHeading(str(number), name, log)

    def _next_number(self, *, is_planned: bool) -> int:
        if is_planned:
            self._number += 1
            return self._number
        self._more += 1
        return self._more

    def _end_after_trouble(self) -> StepEnd | None:
        if self.trouble is None:
            return None
        return StepEnd(Conclusion.SKIPPED, reason=what_failed(self.trouble))

    def _finish(self, number: int, report: StepReport, duration_s: float) -> None:
        end = report.end
        result = StepResult(
            number, report.name, end.outcome, report.conclusion, end.exit_code, duration_s, end.reason
        )
        self._results.append(result)
        self._sink.emit(
            StepFinished(
                at=self._clock.now(),
                job=self._frame.key,
                step=number,
                name=report.name,
                outcome=end.outcome,
                conclusion=report.conclusion,
                exit_code=end.exit_code,
                duration_s=duration_s,
                reason=end.reason,
            )
        )


def what_failed(trouble: InfraError | HostError) -> str:
    """Say which machine failed."""
    return f"the VM failed: {trouble}" if isinstance(trouble, InfraError) else str(trouble)
