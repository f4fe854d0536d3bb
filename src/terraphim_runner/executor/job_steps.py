"""Run the steps of a job in order, and tell of each: main steps, then post steps, the last one pushed first."""

from __future__ import annotations

from typing import TYPE_CHECKING

from terraphim_runner.domain.conclusion import Conclusion
from terraphim_runner.domain.errors import HostError, InfraError
from terraphim_runner.domain.event import StepFinished, StepResult, StepStarted
from terraphim_runner.executor.frame import CONTEXTS
from terraphim_runner.executor.step_end import StepEnd, StepReport
from terraphim_runner.executor.step_log import StepLog, StepPlace
from terraphim_runner.executor.step_runner import StepRunner
from terraphim_runner.workflow.display_name import step_name

if TYPE_CHECKING:
    from terraphim_runner.executor.post_step import PostStep
    from terraphim_runner.executor.step_runner import Perform
    from terraphim_runner.executor.step_scope import StepScope
    from terraphim_runner.workflow.step import RunStep, UsesStep


class JobSteps:
    """The steps of one job; `results` and `trouble` tell what came of them."""

    def __init__(self, scope: StepScope) -> None:
        """Run them in `scope`, the job's."""
        self._scope = scope
        self._frame = scope.frame
        self._sink = scope.frame.run.sink
        self._clock = scope.frame.run.clock
        self._number = 0
        self.results: list[StepResult] = []
        self.trouble: InfraError | HostError | None = None  # the VM or this machine failed: no step runs any more

    async def run(self) -> None:
        """Run every step whose condition holds, then what actions left to do."""
        for step in self._frame.job.steps:
            name = step_name(step, self._scope.expressions(), CONTEXTS)
            await self._run(step, name)  # type: ignore[arg-type]  # others were refused when planning
        posts = self._scope.state.posts
        while posts:
            await self._run_post(posts.pop())

    async def _run_post(self, post: PostStep) -> None:
        await self._run(post.step, post.name, scope=post.scope, work=post.perform, is_recorded=False)

    async def _run(
        self,
        step: RunStep | UsesStep,
        name: str,
        *,
        scope: StepScope | None = None,
        work: Perform | None = None,
        is_recorded: bool = True,
    ) -> None:
        self._number += 1
        number, started_s, log = self._number, self._clock.monotonic_s(), self._log(self._number)
        runner = StepRunner(step, scope or self._scope, log, label=str(number), name=name)
        try:
            end = self._end_after_trouble() or await runner.prepare()
            if end is None:
                self._sink.emit(StepStarted(self._clock.now(), self._frame.key, number, name))
                end = await runner.perform(work)
            report = await runner.report(end, started_s)
        except (InfraError, HostError) as error:
            report = self._take_trouble(error, name, log, started_s)
        if is_recorded:
            self._scope.record.add(step.id, report)
        elif report.is_failure:
            self._scope.record.fail()
        self._finish(number, report)

    def _end_after_trouble(self) -> StepEnd | None:
        if self.trouble is None:
            return None
        return StepEnd(Conclusion.SKIPPED, reason=what_failed(self.trouble))

    def _take_trouble(
        self, error: InfraError | HostError, name: str, log: StepLog, started_s: float
    ) -> StepReport:
        self.trouble = error
        log.error(str(error))
        end = StepEnd(Conclusion.FAILURE, reason=str(error))
        return StepReport(name, end, Conclusion.FAILURE, self._clock.monotonic_s() - started_s)

    def _log(self, number: int) -> StepLog:
        run = self._frame.run
        place = StepPlace(self._frame.key, number)
        return StepLog(place, run.sink, run.clock, run.masker, shows_debug=self._frame.is_debugging)

    def _finish(self, number: int, report: StepReport) -> None:
        end = report.end
        result = StepResult(
            number, report.name, end.outcome, report.conclusion, end.exit_code, report.duration_s, end.reason
        )
        self.results.append(result)
        self._sink.emit(
            StepFinished(
                at=self._clock.now(),
                job=self._frame.key,
                step=number,
                name=report.name,
                outcome=end.outcome,
                conclusion=report.conclusion,
                exit_code=end.exit_code,
                duration_s=report.duration_s,
                reason=end.reason,
            )
        )


def what_failed(trouble: InfraError | HostError) -> str:
    """Say which machine failed."""
    return f"the VM failed: {trouble}" if isinstance(trouble, InfraError) else str(trouble)
