"""Run one job leg: its steps, its time, its verdict."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from terraphim_runner.domain.conclusion import Conclusion
from terraphim_runner.domain.errors import InfraError, WorkflowError
from terraphim_runner.domain.event import Annotation, AnnotationLevel, JobFinished, JobResult, JobStarted
from terraphim_runner.executor.beside import running_beside
from terraphim_runner.executor.job_actions import JobActions
from terraphim_runner.executor.job_state import JobState
from terraphim_runner.executor.job_steps import JobSteps, what_failed
from terraphim_runner.executor.mapping import evaluate_mapping
from terraphim_runner.executor.matcher_set import MatcherSet
from terraphim_runner.executor.record import NeedsRecord
from terraphim_runner.executor.step_environment import StepEnvironment
from terraphim_runner.executor.step_scope import StepScope

if TYPE_CHECKING:
    from collections.abc import Sequence

    from terraphim_runner.executor.action_runner import ActionRunner
    from terraphim_runner.executor.frame import JobFrame
    from terraphim_runner.ports.vm import Breach


@dataclass(frozen=True, slots=True)
class JobEnd:
    """What a leg leaves: its result for people, and its entry in the `needs` context."""

    result: JobResult
    needs: NeedsRecord


class JobRunner:
    """One leg of a job in the run's session."""

    def __init__(  # one settled value each
        self,
        frame: JobFrame,
        *,
        timeout_s: float,
        cancel_timeout_s: float,
        is_tolerated: bool,
        actions: ActionRunner | None = None,
    ) -> None:
        """Run in `frame`; a failure of a tolerated job counts as success for the jobs that need it.

        Longer than `timeout_s` cancels the job; a cancelled one has `cancel_timeout_s` to end in good order.
        """
        self._frame = frame
        self._timeout_s = timeout_s
        self._cancel_timeout_s = cancel_timeout_s
        self._is_tolerated = is_tolerated
        self._clock = frame.run.clock
        self._sink = frame.run.sink
        matchers = MatcherSet(frame.root, frame.place.workspace)
        self._state = JobState(actions or JobActions(frame.run.actions), matchers)
        self._scope = StepScope(
            frame=frame,
            state=self._state,
            record=self._state.record,
            environment=StepEnvironment(),
            inputs=frame.inputs,
        )
        self._steps = JobSteps(self._scope)
        self.end: JobEnd | None = None

    async def run(self) -> None:
        """Run every step whose condition holds; `end` then tells how the job ended.

        Raises:
            InfraError | HostError: the VM or this machine failed; the events up to there, the job's end
                included, were sent.
        """
        started_s = self._clock.monotonic_s()
        self._sink.emit(JobStarted(self._clock.now(), self._frame.key))
        async with self._state.executions, running_beside(self._cancel_when_late) as beside:
            with self._frame.cancellation.when_requested(partial(beside.start, self._insist_when_late)):
                await self._steps.run()
                breaches = await self._breaches()
        self.end = await self._end(self._clock.monotonic_s() - started_s, breaches)
        result = self.end.result
        self._sink.emit(
            JobFinished(self._clock.now(), result.key, result.conclusion, result.duration_s, result.reason)
        )
        if self._steps.trouble is not None:
            raise self._steps.trouble

    async def _insist_when_late(self) -> None:
        await self._clock.sleep_s(self._cancel_timeout_s)
        self._frame.cancellation.insist()

    async def _cancel_when_late(self) -> None:
        await self._clock.sleep_s(self._timeout_s)
        self._frame.cancellation.request(f"it took longer than {self._timeout_s / 60:g} minutes")

    async def _breaches(self) -> Sequence[Breach]:
        """Ask which limits of its root the job has met; where the VM fails, that is the reason, and no limit."""
        if self._steps.trouble is None:
            with suppress(InfraError):  # the clean-up meets it again
                return await self._frame.root.breaches()
        return ()

    async def _end(self, duration_s: float, breaches: Sequence[Breach]) -> JobEnd:
        conclusion, reason = self._conclusion()
        if breaches:
            reason = self._tell_breaches(breaches, conclusion, reason)
        outputs: dict[str, str] = {}
        try:
            outputs = await self._scope.evaluate(partial(evaluate_mapping, self._frame.job.outputs))
        except WorkflowError as error:
            conclusion, reason = Conclusion.FAILURE, str(error)
        result = JobResult(
            key=self._frame.key,
            id=self._frame.job.id.value,
            name=self._frame.name,
            conclusion=conclusion,
            duration_s=duration_s,
            reason=reason,
            steps=tuple(self._steps.results),
            is_tolerated=self._is_tolerated,
        )
        is_forgiven = self._is_tolerated and conclusion is Conclusion.FAILURE
        return JobEnd(result, NeedsRecord(Conclusion.SUCCESS if is_forgiven else conclusion, outputs))

    def _tell_breaches(self, breaches: Sequence[Breach], conclusion: Conclusion, reason: str | None) -> str | None:
        """Annotate the last step that ran, and give the job's reason: a limit, where the job failed."""
        level = AnnotationLevel.ERROR if conclusion is Conclusion.FAILURE else AnnotationLevel.WARNING
        ran = [step.number for step in self._steps.results if step.outcome is not Conclusion.SKIPPED]
        for breach in breaches:
            self._sink.emit(
                Annotation(self._clock.now(), self._frame.key, max(ran, default=0), level, str(breach))
            )
        told = ", ".join(map(str, breaches))
        return f"{told} ({reason})" if conclusion is Conclusion.FAILURE else reason

    def _conclusion(self) -> tuple[Conclusion, str | None]:
        steps, trouble = self._steps.results, self._steps.trouble
        if trouble is not None:
            return Conclusion.FAILURE, what_failed(trouble)
        if self._frame.cancellation.is_requested:
            return Conclusion.CANCELLED, self._frame.cancellation.reason
        if self._state.record.status is Conclusion.FAILURE:
            failed = next(step for step in steps if step.conclusion is Conclusion.FAILURE)
            return Conclusion.FAILURE, f"step {failed.number} failed: {failed.name}"
        return Conclusion.SUCCESS, None
