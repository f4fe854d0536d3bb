"""Run the steps of one job leg, one after the other."""

from __future__ import annotations

import posixpath
from contextlib import AsyncExitStack
from dataclasses import dataclass
from typing import TYPE_CHECKING

from terraphim_runner.domain.conclusion import Conclusion
from terraphim_runner.domain.errors import ExpressionError, HostError, InfraError, WorkflowError
from terraphim_runner.domain.event import JobFinished, JobResult, JobStarted, StepFinished, StepResult, StepStarted
from terraphim_runner.executor.beside import running_beside
from terraphim_runner.executor.checkout import check_out
from terraphim_runner.executor.frame import CONTEXTS
from terraphim_runner.executor.mapping import evaluate_mapping
from terraphim_runner.executor.record import JobRecord, NeedsRecord, StepRecord
from terraphim_runner.executor.script_step import ScriptCall, ScriptStep, StepEnd
from terraphim_runner.executor.step_log import StepLog, StepPlace
from terraphim_runner.workflow.display_name import step_name
from terraphim_runner.workflow.evaluation import (
    evaluate_flag,
    evaluate_number,
    evaluate_string,
)
from terraphim_runner.workflow.job import Defaults
from terraphim_runner.workflow.step import RunStep, UsesStep
from terraphim_runner.workflow.value import Text

if TYPE_CHECKING:
    from collections.abc import Mapping

    from terraphim_runner.executor.frame import JobFrame
    from terraphim_runner.expressions.scope import Scope
    from terraphim_runner.workflow.value import Template

WorkingStep = RunStep | UsesStep


@dataclass(frozen=True, slots=True)
class JobEnd:
    """What a leg leaves: its result for people, and its entry in the `needs` context."""

    result: JobResult
    needs: NeedsRecord


class JobRunner:
    """One leg of a job in the run's session."""

    def __init__(self, frame: JobFrame, *, timeout_s: float, cancel_timeout_s: float, is_tolerated: bool) -> None:
        """Run in `frame`; a failure of a tolerated job counts as success for the jobs that need it.

        Longer than `timeout_s` cancels the job; a cancelled one has `cancel_timeout_s` to end in good order.
        """
        self._frame = frame
        self._timeout_s = timeout_s
        self._cancel_timeout_s = cancel_timeout_s
        self._is_tolerated = is_tolerated
        self._clock = frame.run.clock
        self._sink = frame.run.sink
        self._record = JobRecord()
        self._results: list[StepResult] = []
        self._trouble: InfraError | HostError | None = None
        self._executions = AsyncExitStack()
        self.end: JobEnd | None = None

    async def run(self) -> None:
        """Run every step whose condition holds; `end` then tells how the job ended.

        Raises:
            InfraError | HostError: the VM or this machine failed; the events up to there, the job's end
                included, were sent.
        """
        started_s = self._clock.monotonic_s()
        self._sink.emit(JobStarted(self._clock.now(), self._frame.key))
        async with self._executions, running_beside(self._watch_time):
            for number, step in enumerate(self._frame.job.steps, start=1):
                await self._run_step(number, step)  # type: ignore[arg-type]  # others were refused when planning
        self.end = self._end(self._clock.monotonic_s() - started_s)
        result = self.end.result
        self._sink.emit(
            JobFinished(self._clock.now(), result.key, result.conclusion, result.duration_s, result.reason)
        )
        if self._trouble is not None:
            raise self._trouble

    async def _watch_time(self) -> None:
        async with running_beside(self._cancel_when_late):
            await self._frame.cancellation.wait_requested()
        await self._clock.sleep_s(self._cancel_timeout_s)
        self._frame.cancellation.insist()

    async def _cancel_when_late(self) -> None:
        await self._clock.sleep_s(self._timeout_s)
        self._frame.cancellation.request(f"it took longer than {self._timeout_s / 60:g} minutes")

    async def _run_step(self, number: int, step: WorkingStep) -> None:
        name = step_name(step, self._frame.scope(self._record), CONTEXTS)
        started_s = self._clock.monotonic_s()
        log = StepLog(StepPlace(self._frame.key, number), self._sink, self._clock, self._frame.run.masker)
        skip_reason = self._skip_reason(step, log)
        if isinstance(skip_reason, str):
            end = StepEnd(Conclusion.SKIPPED, reason=skip_reason)
        elif isinstance(skip_reason, StepEnd):
            end = skip_reason
        else:
            self._sink.emit(StepStarted(self._clock.now(), self._frame.key, number, name))
            end = await self._perform(number, step, log)
        self._finish(number, name, step, end, self._clock.monotonic_s() - started_s)

    def _skip_reason(self, step: WorkingStep, log: StepLog) -> str | StepEnd | None:
        """Give why the step does not run: a text, or a failure to decide; None if it runs."""
        if self._trouble is not None:
            return _what_failed(self._trouble)
        if self._frame.cancellation.is_insisted:
            return "the time for steps after the cancellation is over"
        try:
            if step.condition.parsed.evaluate(self._frame.scope(self._record)):
                return None
        except ExpressionError as error:
            reason = f"cannot evaluate the condition '{step.condition.text}': {error}"
            log.say(f"##[error]{reason}")
            return StepEnd(Conclusion.FAILURE, reason=reason)
        return self._why_not(step)

    def _why_not(self, step: WorkingStep) -> str:
        if step.condition.written:
            return f"its condition is false: {step.condition.text}"
        if self._frame.cancellation.is_requested:
            return self._frame.cancellation.reason
        return "an earlier step failed"

    async def _perform(self, number: int, step: WorkingStep, log: StepLog) -> StepEnd:
        try:
            step_env = evaluate_mapping(step.env, self._frame.scope(self._record))
            scope = self._frame.scope(self._record, step_env)
            match step:
                case RunStep():
                    call = self._script_call(number, step, step_env, scope)
                    return await ScriptStep(self._frame, self._record, log, self._executions).run(
                        call, self._frame.cancellation
                    )
                case UsesStep():
                    return await check_out(self._frame, evaluate_mapping(step.with_, scope), log)
        except (WorkflowError, InfraError, HostError) as error:
            self._trouble = None if isinstance(error, WorkflowError) else error
            log.say(f"##[error]{error}")
            return StepEnd(Conclusion.FAILURE, reason=str(error))

    def _script_call(self, number: int, step: RunStep, step_env: Mapping[str, str], scope: Scope) -> ScriptCall:
        minutes = None if step.timeout_minutes is None else evaluate_number(step.timeout_minutes, scope)
        shell = _text(step.shell or self._default("shell"), scope)
        directory = _text(step.working_directory or self._default("working_directory"), scope)
        return ScriptCall(
            run=evaluate_string(step.run, scope),
            shell=shell,
            working_directory=posixpath.normpath(posixpath.join(self._frame.place.workspace, directory or ".")),
            env=step_env,
            timeout_s=None if minutes is None else minutes * 60,
            number=number,
        )

    def _default(self, name: str) -> Template | Text | None:
        for defaults in (self._frame.job.defaults, self._frame.workflow.defaults):
            value: Template | Text | None = getattr(defaults, name) if isinstance(defaults, Defaults) else None
            if value is not None:
                return value
        return None

    def _finish(self, number: int, name: str, step: WorkingStep, end: StepEnd, duration_s: float) -> None:
        conclusion = end.outcome
        if conclusion is Conclusion.FAILURE and self._trouble is None and self._continues(step):
            conclusion = Conclusion.SUCCESS
        self._record.add(step.id, StepRecord(end.outcome, conclusion, end.outputs))
        result = StepResult(number, name, end.outcome, conclusion, end.exit_code, duration_s, end.reason)
        self._results.append(result)
        self._sink.emit(
            StepFinished(
                self._clock.now(),
                self._frame.key,
                number,
                name,
                end.outcome,
                conclusion,
                end.exit_code,
                duration_s,
                end.reason,
            )
        )

    def _continues(self, step: WorkingStep) -> bool:
        if step.continue_on_error is None:
            return False
        try:
            return evaluate_flag(step.continue_on_error, self._frame.scope(self._record))
        except WorkflowError:
            return False

    def _end(self, duration_s: float) -> JobEnd:
        conclusion, reason = self._conclusion()
        outputs: dict[str, str] = {}
        try:
            outputs = evaluate_mapping(self._frame.job.outputs, self._frame.scope(self._record))
        except WorkflowError as error:
            conclusion, reason = Conclusion.FAILURE, str(error)
        result = JobResult(
            key=self._frame.key,
            id=self._frame.job.id.value,
            name=self._frame.name,
            conclusion=conclusion,
            duration_s=duration_s,
            reason=reason,
            steps=tuple(self._results),
            is_tolerated=self._is_tolerated,
        )
        is_forgiven = self._is_tolerated and conclusion is Conclusion.FAILURE
        return JobEnd(result, NeedsRecord(Conclusion.SUCCESS if is_forgiven else conclusion, outputs))

    def _conclusion(self) -> tuple[Conclusion, str | None]:
        if self._trouble is not None:
            return Conclusion.FAILURE, _what_failed(self._trouble)
        if self._frame.cancellation.is_requested:
            return Conclusion.CANCELLED, self._frame.cancellation.reason
        if self._record.status is Conclusion.FAILURE:
            failed = next(step for step in self._results if step.conclusion is Conclusion.FAILURE)
            return Conclusion.FAILURE, f"step {failed.number} failed: {failed.name}"
        return Conclusion.SUCCESS, None


def _what_failed(trouble: InfraError | HostError) -> str:
    return f"the VM failed: {trouble}" if isinstance(trouble, InfraError) else str(trouble)


def _text(value: Template | Text | None, scope: Scope) -> str | None:
    match value:
        case None:
            return None
        case Text():
            return value.value
        case _:
            return evaluate_string(value, scope)
