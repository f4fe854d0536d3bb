"""Run one step: its condition, its environment, its time, its work, what its failure counts as."""

from __future__ import annotations

from contextlib import ExitStack, contextmanager
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

from terraphim_runner.domain.conclusion import Conclusion
from terraphim_runner.domain.errors import ExpressionError, WorkflowError
from terraphim_runner.executor.beside import running_beside
from terraphim_runner.executor.file_command import command_file_paths
from terraphim_runner.executor.mapping import evaluate_mapping
from terraphim_runner.executor.script_step import run_script
from terraphim_runner.executor.step_end import StepEnd, StepReport
from terraphim_runner.executor.stop import Stop, StopReason
from terraphim_runner.executor.turn import Turn
from terraphim_runner.workflow.evaluation import evaluate_flag, evaluate_number
from terraphim_runner.workflow.step import RunStep

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator

    from terraphim_runner.executor.beside import Beside
    from terraphim_runner.executor.step_log import StepLog
    from terraphim_runner.executor.step_scope import StepScope
    from terraphim_runner.executor.turn import StepHeading
    from terraphim_runner.workflow.step import Step, UsesStep

    Perform = Callable[[Turn], Awaitable[StepEnd]]


class StepRunner:
    """One step, in a job's list of steps or in that of a composite action."""

    def __init__(
        self,
        step: RunStep | UsesStep,
        scope: StepScope,
        heading: StepHeading,
        *,
        stop: Stop | None = None,
        is_background: bool = False,
        work: Perform | None = None,
    ) -> None:
        """Run `step` in `scope`, doing `work` in its stead if that is given.

        `stop` stops it from outside: the step around it, or a `cancel` step. A step in the background ends with
        its job, whatever its condition says.
        """
        self._step = step
        self._list = self._scope = replace(scope, place=heading.log.place)
        self._heading = heading
        self._log = heading.log
        self._outer = stop
        self._is_background = is_background
        self._perform = work or self._work
        self._clock = scope.frame.run.clock
        self._cancellation = scope.frame.cancellation
        self._stop = Stop(self._clock)
        self._timeout_minutes = 0.0  # none; a negative one is none either, as on GitHub

    async def prepare(self) -> StepEnd | None:
        """Evaluate what decides whether the step runs; give its end if it does not."""
        step = self._step
        if self._cancellation.is_insisted:
            return StepEnd(Conclusion.SKIPPED, reason="the time for steps after the cancellation is over")
        if self._is_stopped_from_outside:
            return StepEnd(Conclusion.SKIPPED, reason="the step it belongs to was stopped")
        files = command_file_paths(self._list.frame.place.scratch, self._heading.label)
        try:
            action = {} if self._list.is_nested else {"action": step.id}  # GitHub names the job's step only
            own = self._list.with_step(github={**action, **files})
            env = await own.evaluate(partial(evaluate_mapping, step.env))
            self._scope = own.with_step(env=env)
            if await self._is_due():
                await self._set_timeout()
                return None
        except ExpressionError as error:
            reason = f"cannot evaluate the condition '{step.condition.text}': {error}"
            return replace(self._failed(reason), is_undecided=True)
        except WorkflowError as error:
            return self._failed(str(error))
        return StepEnd(Conclusion.SKIPPED, reason=self._why_not())

    async def perform(self) -> StepReport:
        """Do the step's work until it ends or is stopped; to be called when `prepare` gave no end.

        Raises:
            MachineLost | GuestError | HostError: the VM or this machine failed, not the step.
        """
        turn = Turn(self._heading.label, self._heading.name, self._scope, self._log, self._stop)
        try:
            async with running_beside() as beside:
                with self._watching(beside):
                    end = await self._perform(turn)
        except WorkflowError as error:
            return await self.report(self._failed(str(error)))
        return await self.report(self._overruled(end))

    async def report(self, end: StepEnd) -> StepReport:
        """Say what an end of the step counts as."""
        conclusion = end.outcome
        if conclusion is Conclusion.FAILURE and await continues(self._step, self._scope, self._log):
            conclusion = Conclusion.SUCCESS
        return StepReport(self._heading.name, end, conclusion)

    async def _work(self, turn: Turn) -> StepEnd:
        if isinstance(self._step, RunStep):
            # As on GitHub: `env` of a step may name the action it is in, the script itself may not.
            scope = turn.scope.with_step(github={"action_repository": None, "action_ref": None})
            return await run_script(self._step, replace(turn, scope=scope))
        return await self._list.state.actions.run(self._step, turn)

    async def _is_due(self) -> bool:
        return await self._scope.evaluate(self._step.condition.parsed.evaluate)

    def _why_not(self) -> str:
        condition = self._step.condition
        if condition.written:
            return f"its condition is false: {condition.text}"
        if self._cancellation.is_requested:
            return self._cancellation.reason
        return "an earlier step failed"

    @property
    def _is_stopped_from_outside(self) -> bool:
        """Tell whether it belongs to what was stopped. That its job is cancelled each step weighs for itself."""
        if self._outer is None or self._outer.reason is None:
            return False
        return self._outer.reason is StopReason.TIMED_OUT or not self._cancellation.is_requested

    async def _set_timeout(self) -> None:
        minutes = self._step.timeout_minutes
        if minutes is not None:
            self._timeout_minutes = await self._scope.evaluate(partial(evaluate_number, minutes))

    @contextmanager
    def _watching(self, beside: Beside) -> Iterator[None]:
        """Stop the step when its time is up, its job is cancelled, or what it belongs to is stopped."""
        with ExitStack() as stack:
            stack.enter_context(self._cancellation.when_insisted(self._stop.insist))
            if self._timeout_minutes > 0:
                beside.start(partial(self._stop_when_late, self._timeout_minutes))
            if self._outer is not None:
                stack.enter_context(self._outer.when_requested(self._stop_with_outer))
                stack.enter_context(self._outer.when_insisted(self._stop.insist))
            if self._is_background or not self._cancellation.is_requested:
                decide = partial(beside.start, self._stop_unless_due)
                stack.enter_context(self._cancellation.when_requested(decide))
            yield

    async def _stop_when_late(self, minutes: float) -> None:
        await self._clock.sleep_s(minutes * 60)
        self._stop.request(StopReason.TIMED_OUT)

    def _stop_with_outer(self) -> None:
        if self._is_stopped_from_outside:
            self._stop.request(StopReason.CANCELLED)

    async def _stop_unless_due(self) -> None:
        """Stop the step if it would not run in a cancelled job: with `always()` it goes on, as on GitHub."""
        try:
            goes_on = not self._is_background and await self._is_due()
        except ExpressionError:
            goes_on = False
        if not goes_on:
            self._stop.request(StopReason.CANCELLED)

    def _overruled(self, end: StepEnd) -> StepEnd:
        """Give the end that a stop makes of the one the work came to."""
        match self._stop.reason:
            case None:
                return end
            case StopReason.CANCELLED:
                self._log.tell_error("The operation was canceled.")
                by_job = self._cancellation.is_requested
                reason = self._cancellation.reason if by_job else "another step cancelled it"
                return StepEnd(Conclusion.CANCELLED, end.exit_code, reason, end.outputs, end.state)
            case StopReason.TIMED_OUT:
                reason = (
                    f"The action '{self._heading.name}' has timed out after {self._timeout_minutes:g} minutes."
                )
                self._log.tell_error(reason)
                return StepEnd(Conclusion.FAILURE, end.exit_code, reason, end.outputs, end.state)

    def _failed(self, reason: str) -> StepEnd:
        self._log.tell_error(reason)
        return StepEnd(Conclusion.FAILURE, reason=reason)


async def continues(step: Step, scope: StepScope, log: StepLog) -> bool:
    """Tell whether a step that failed counts as one that succeeded."""
    if step.continue_on_error is None:
        return False
    try:
        return await scope.at_step().evaluate(partial(evaluate_flag, step.continue_on_error))
    except WorkflowError as error:
        log.tell_error(
            "The step failed and an error occurred when attempting to determine whether to continue on error."
        )
        log.tell_error(str(error))
        return False
