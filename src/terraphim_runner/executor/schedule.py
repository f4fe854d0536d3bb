"""Which legs of a run may start now, which never will and why, which are to be stopped. Pure.

It decides, and `GraphRunner` acts: tell the schedule what happened (`end`, `enter`, `cancel_run`, ...), then
perform what `advance` gives. A job is decided as soon as all it needs has ended: there are no stages. Its legs
then wait, in this order, for their turn among their siblings (`max-parallel`), for their concurrency groups and,
first come first served, for one of the run's places. A leg that calls a workflow takes no place; the called
jobs' legs do.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING

from terraphim_runner.domain.conclusion import Conclusion
from terraphim_runner.domain.errors import ExpressionError, WorkflowError
from terraphim_runner.domain.event import JobResult
from terraphim_runner.executor.call_boundary import record_of_call, secrets_for
from terraphim_runner.executor.job_status import is_due, why_not
from terraphim_runner.executor.neighbour import most_at_once
from terraphim_runner.executor.record import NeedsRecord
from terraphim_runner.executor.schedule_state import JobState, LegState, Level, Phase
from terraphim_runner.executor.scope import run_scope
from terraphim_runner.executor.verdict import merge
from terraphim_runner.expressions.value import fold_case
from terraphim_runner.workflow.concurrency import plan_concurrency
from terraphim_runner.workflow.plan import plan_call, plan_job
from terraphim_runner.workflow.run_plan import CallLegPlan, CallPlan, JobPlan, LegPlan

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from terraphim_runner.domain.vm_type import VmType
    from terraphim_runner.executor.verdict import Position
    from terraphim_runner.workflow.run_plan import AnyJobPlan, ConcurrencyPlan

_ACTIVE = frozenset({Phase.ENTERING, Phase.READY, Phase.RUNNING})


@dataclass(frozen=True, slots=True)
class Announce:
    """Tell of a leg that could be planned only now."""

    job: JobPlan
    leg: LegPlan


@dataclass(frozen=True, slots=True)
class Enter:
    """Wait for a leg's concurrency groups, one after the other; then call `enter`, or `stop` if that cannot be."""

    leg: LegState
    groups: tuple[ConcurrencyPlan, ...]


@dataclass(frozen=True, slots=True)
class Begin:
    """Run a leg that has steps; call `end` when it is over."""

    leg: LegState
    at_once: int  # how many legs may be running while this one does, itself included


@dataclass(frozen=True, slots=True)
class Stop:
    """Stop a running leg in good order; it still gets its `end`."""

    leg: LegState
    reason: str


@dataclass(frozen=True, slots=True)
class Leave:
    """Leave the concurrency groups of a leg that has ended, or wait for them no more."""

    leg: LegState


@dataclass(frozen=True, slots=True)
class Report:
    """Tell the end of a leg that did not run."""

    position: Position
    result: JobResult


Action = Announce | Enter | Begin | Stop | Leave | Report


class Schedule:
    """The jobs of one run, those of the workflows that it calls included."""

    def __init__(self, root: Level, *, places: int, machine: VmType) -> None:
        """Schedule the jobs of `root`, at most `places` legs at a time, on a machine of that type."""
        self._root = root
        self._places = places
        self._machine = machine
        self._running = 0
        self._ready: deque[LegState] = deque()
        self._actions: list[Action] = []
        self._cancelled: str | None = None
        self._aborted: str | None = None

    @property
    def is_done(self) -> bool:
        """Tell whether every job has ended."""
        return self._root.is_done

    def advance(self) -> list[Action]:
        """Decide all that can be decided now; give what is to be done, in this order, each action once."""
        self._decide_jobs()
        self._fill_places()
        actions, self._actions = self._actions, []
        return actions

    def enter(self, leg: LegState) -> None:
        """Hear that a leg holds its concurrency groups."""
        if leg.phase is Phase.ENTERING:
            self._make_ready(leg)

    def end(self, leg: LegState, record: NeedsRecord) -> None:
        """Hear that a running leg is over; `record` is what the jobs see that need it."""
        self._running -= 1
        self._end_leg(leg, record)

    def stop(self, leg: LegState, reason: str) -> None:
        """End a leg as cancelled: at once if it does not run yet, else by stopping it."""
        match leg.phase:
            case Phase.ENDED:
                pass
            case Phase.RUNNING if leg.called is not None:
                self._stop_level(leg.called, reason)
            case Phase.RUNNING:
                self._stop_running(leg, reason)
            case _:
                self._end_without_steps(leg, Conclusion.CANCELLED, reason)

    def cancel_run(self, reason: str) -> None:
        """Cancel the run as GitHub does: all but the jobs whose `if` holds even so, those to come included."""
        self._cancelled = self._cancelled or reason
        for job in list(self._root.open_jobs()):
            if not job.legs or self._holds_nevertheless(job):
                continue
            for leg in job.legs:
                if leg.called is None:  # the called jobs are asked one by one
                    self.stop(leg, reason)

    def abort(self, reason: str) -> None:
        """End everything, whatever the conditions say: the machinery failed."""
        self._aborted = self._aborted or reason
        for job in list(self._root.open_jobs()):
            for leg in job.legs:
                self.stop(leg, reason)

    def _decide_jobs(self) -> None:
        is_settled = False
        while not is_settled:  # what ends here makes others due
            is_settled = True
            for job in list(self._root.open_jobs()):
                if job.is_due:
                    self._decide(job)
                    is_settled = False
                elif job.record is None:
                    is_settled &= not self._dispatch(job)

    def _decide(self, job: JobState) -> None:
        if self._aborted is not None:
            self._end_job(job, Conclusion.CANCELLED, self._aborted)
            return
        try:
            status = job.status(self._why_cancelled(job.level))
            if not is_due(job.plan.job.condition, status, job.contexts()):
                self._end_job(job, Conclusion.SKIPPED, why_not(job.plan.job.condition, status))
                return
            if job.plan.is_late:
                self._plan_again(job)
        except (ExpressionError, WorkflowError) as error:
            self._end_job(job, Conclusion.FAILURE, str(error))
            return
        self._add_legs(job)

    def _plan_again(self, job: JobState) -> None:
        setting = job.level.setting.with_contexts(needs=job.contexts()["needs"])
        known = {leg.key for _, leg in _legs(job.plan)}
        job.plan = (
            plan_job(job.plan.job, setting) if isinstance(job.plan, JobPlan) else plan_call(job.plan.job, setting)
        )
        for plan, leg in _legs(job.plan):
            if leg.key not in known:
                self._actions.append(Announce(plan, leg))

    def _add_legs(self, job: JobState) -> None:
        for number, plan in enumerate(_legs_of(job.plan)):
            job.legs.append(LegState(job, plan, (*job.position, number)))
        for leg in job.legs:
            if isinstance(leg.plan, CallLegPlan):
                continue
            if leg.plan.unserved is not None:
                self._end_without_steps(leg, Conclusion.SKIPPED, leg.plan.unserved.message)
            elif leg.plan.machine is not None and not self._machine.can_run(leg.plan.machine):
                reason = (
                    f"it asks for {leg.plan.demand}, which this run's machine of type {self._machine.name} is not"
                )
                self._end_without_steps(leg, Conclusion.FAILURE, reason)

    def _dispatch(self, job: JobState) -> bool:
        """Give legs their turn among their siblings; tell whether any got it."""
        strategy = job.plan.strategy
        limit = len(job.legs) if strategy is None else strategy.max_parallel
        turns = limit - sum(leg.phase in _ACTIVE for leg in job.legs)
        waiting = [leg for leg in job.legs if leg.phase is Phase.WAITING][: max(turns, 0)]
        for leg in waiting:
            if leg.phase is Phase.WAITING:  # one that failed at once may have ended the others
                self._give_turn(leg)
        return bool(waiting)

    def _give_turn(self, leg: LegState) -> None:
        try:
            groups = tuple(_groups(leg))
        except WorkflowError as error:
            self._end_without_steps(leg, Conclusion.FAILURE, str(error))
            return
        if (group := _deadlock(leg, groups)) is not None:
            reason = f"it needs the concurrency group {group}, which would be held by what called it: a deadlock"
            self._end_without_steps(leg, Conclusion.CANCELLED, reason)
        elif groups:
            leg.phase = Phase.ENTERING
            self._actions.append(Enter(leg, groups))
        else:
            self._make_ready(leg)

    def _make_ready(self, leg: LegState) -> None:
        if isinstance(leg.plan, CallLegPlan):
            self._call(leg, leg.plan)
        else:
            leg.phase = Phase.READY
            self._ready.append(leg)

    def _call(self, leg: LegState, plan: CallLegPlan) -> None:
        call = leg.job.plan
        if not isinstance(call, CallPlan):
            return
        try:
            secrets = secrets_for(call.job, leg.contexts())
        except WorkflowError as error:
            self._end_without_steps(leg, Conclusion.FAILURE, str(error))
            return
        held = (*leg.job.level.held, *(fold_case(each.group) for each in _groups(leg)))
        setting = plan.setting.with_contexts(vars=leg.job.level.setting.contexts["vars"])
        leg.called = Level(call.workflow, setting, secrets, held, leg)
        leg.called.add_jobs(plan.jobs)
        leg.phase = Phase.RUNNING

    def _fill_places(self) -> None:
        while self._ready and self._running < self._places:
            leg = self._ready.popleft()
            if leg.phase is Phase.READY:
                leg.phase = Phase.RUNNING
                self._running += 1
                self._actions.append(Begin(leg, most_at_once(leg, self._places)))

    def _end_leg(self, leg: LegState, record: NeedsRecord) -> None:
        job = leg.job
        leg.phase = Phase.ENDED
        self._actions.append(Leave(leg))
        job.ended.append(record)
        if record.result is Conclusion.FAILURE and (job.plan.strategy is None or job.plan.strategy.fail_fast):
            for sibling in job.legs:
                self.stop(sibling, f"another leg failed (fail-fast): {leg.key}")
        if job.record is None and all(each.phase is Phase.ENDED for each in job.legs):
            job.record = merge(job.ended)
            self._return_from(job.level)

    def _return_from(self, level: Level) -> None:
        """End the leg that called a workflow, when the last of its jobs has ended."""
        if level.caller is None or not level.is_done or level.caller.phase is Phase.ENDED:
            return
        call = level.caller.job.plan
        if not isinstance(call, CallPlan):
            return
        try:
            record = record_of_call(call.trigger, level.records(), level.setting.contexts)
        except WorkflowError as error:
            plan = level.caller.plan
            result = JobResult(plan.key, call.id, plan.name, Conclusion.FAILURE, 0.0, str(error), ())
            self._actions.append(Report(level.caller.position, result))
            record = NeedsRecord(Conclusion.FAILURE)
        self._end_leg(level.caller, record)

    def _end_without_steps(self, leg: LegState, conclusion: Conclusion, reason: str) -> None:
        if leg.phase is not Phase.ENDED:
            self._report(leg.position, leg.job.plan, leg.plan, conclusion, reason)
            self._end_leg(leg, NeedsRecord(conclusion))

    def _end_job(self, job: JobState, conclusion: Conclusion, reason: str) -> None:
        plan = job.plan
        if not plan.legs:
            result = JobResult(plan.key, plan.id, plan.key, conclusion, 0.0, reason, ())
            self._actions.append(Report((*job.position, 0), result))
        for number, leg in enumerate(_legs_of(plan)):
            self._report((*job.position, number), plan, leg, conclusion, reason)
        job.record = NeedsRecord(conclusion)
        self._return_from(job.level)

    def _report(
        self,
        position: Position,
        job: AnyJobPlan,
        leg: LegPlan | CallLegPlan,
        conclusion: Conclusion,
        reason: str,
    ) -> None:
        """Tell of a leg that did not run; of a call, tell it of every called leg that is known."""
        if isinstance(leg, LegPlan) or not any(True for each in leg.jobs for _ in each.legs):
            result = JobResult(leg.key, job.id, leg.name, conclusion, 0.0, reason, ())
            self._actions.append(Report(position, result))
            return
        for number, called in enumerate(leg.jobs):
            for called_number, called_leg in enumerate(_legs_of(called)):
                self._report((*position, number, called_number), called, called_leg, conclusion, reason)

    def _stop_level(self, level: Level, reason: str) -> None:
        level.cancelled = level.cancelled or reason
        for job in level.jobs.values():
            for leg in job.legs:
                self.stop(leg, reason)

    def _stop_running(self, leg: LegState, reason: str) -> None:
        if not leg.is_stopping:
            leg.is_stopping = True
            self._actions.append(Stop(leg, reason))

    def _holds_nevertheless(self, job: JobState) -> bool:
        try:
            return is_due(job.plan.job.condition, job.status(self._why_cancelled(job.level)), job.contexts())
        except ExpressionError:
            return False

    def _why_cancelled(self, level: Level) -> str | None:
        if level.cancelled is not None or level.caller is None:
            return level.cancelled or self._cancelled
        return self._why_cancelled(level.caller.job.level)


def _legs_of(job: AnyJobPlan) -> Sequence[LegPlan | CallLegPlan]:
    return job.legs


def _legs(job: AnyJobPlan) -> Iterator[tuple[JobPlan, LegPlan]]:
    match job:
        case JobPlan():
            yield from ((job, leg) for leg in job.legs)
        case CallPlan():
            for call in job.legs:
                for called in call.jobs:
                    yield from _legs(called)


def _groups(leg: LegState) -> Iterator[ConcurrencyPlan]:
    """Evaluate a leg's own concurrency group, and that of the workflow it calls.

    Raises:
        WorkflowError: one cannot be evaluated, or its name is empty or too long.
    """
    job, plan = leg.job.plan, leg.plan
    own = plan.concurrency or plan_concurrency(job.job.concurrency, run_scope(leg.contexts()))
    if own is not None:
        yield own
    if isinstance(job, CallPlan) and isinstance(plan, CallLegPlan):
        called = plan_concurrency(job.workflow.concurrency, plan.setting.scope)
        if called is not None:
            yield called


def _deadlock(leg: LegState, groups: tuple[ConcurrencyPlan, ...]) -> str | None:
    """Find a group that the leg would wait for in vain: one above it holds it, or it would itself."""
    held = set(leg.job.level.held)
    for each in groups:
        group = fold_case(each.group)
        if group in held:
            return each.group
        held.add(group)
    return None
