"""Run the jobs of a run as their schedule says: the hands to `Schedule`'s head."""

from __future__ import annotations

from contextlib import AsyncExitStack
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar, assert_never

import anyio

from terraphim_runner.domain.errors import RunnerError, StateError
from terraphim_runner.domain.event import JobFinished, JobPlanned, PlannedJob, PlannedStep
from terraphim_runner.executor.beside import running_beside
from terraphim_runner.executor.cancellation import Cancellation
from terraphim_runner.executor.leg_runner import LegRunner
from terraphim_runner.executor.schedule import Announce, Begin, Enter, Leave, Report, Schedule, Stop
from terraphim_runner.link.single_error import single_error
from terraphim_runner.workflow.run_plan import JobPlan

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

    from anyio.abc import TaskGroup

    from terraphim_runner.executor.frame import RunFrame
    from terraphim_runner.executor.group_hold import GroupDoor, Hold
    from terraphim_runner.executor.schedule import Action
    from terraphim_runner.executor.schedule_state import LegState, Level
    from terraphim_runner.executor.verdict import Tally
    from terraphim_runner.workflow.job import NormalJob
    from terraphim_runner.workflow.run_plan import LegPlan

_T = TypeVar("_T")


def planned_job(job: NormalJob, leg: LegPlan) -> PlannedJob:
    """Show a leg as events do."""
    return PlannedJob(
        key=leg.key,
        id=job.id.value,
        name=leg.name,
        needs=tuple(need.value for need in job.needs),
        steps=tuple(PlannedStep(number, name) for number, name in enumerate(leg.steps, start=1)),
    )


class GraphRunner:
    """The jobs of one run, in parallel as far as the run has places."""

    def __init__(self, frame: RunFrame, root: Level, tally: Tally, door: GroupDoor, *, places: int) -> None:
        """Run the jobs of `root`, at most `places` at a time; results go to `tally` as legs end."""
        self._frame = frame
        self._tally = tally
        self._door = door
        self._schedule = Schedule(root, places=places, machine=frame.session.vm_type)
        self._cancellations: dict[LegState, Cancellation] = {}  # of the legs that run
        self._holds: dict[LegState, anyio.CancelScope] = {}  # of the legs that hold groups, or wait for them
        self._tasks: TaskGroup | None = None
        self._trouble: RunnerError | None = None

    async def run(self) -> None:
        """Run every job that is due; those that are not get their reason.

        Raises:
            InfraError | HostError: the VM or this machine failed; all jobs have a result nevertheless.
        """
        with single_error():
            async with running_beside() as beside:
                with self._frame.cancellation.when_requested(partial(beside.start, self._obey_cancellation)):
                    await self._run_all()
        if self._trouble is not None:
            raise self._trouble
        if not self._schedule.is_done:
            raise StateError("jobs are left that wait for nothing")

    async def _run_all(self) -> None:
        async with anyio.create_task_group() as tasks:
            self._tasks = tasks
            if self._frame.cancellation.is_requested:
                self._schedule.cancel_run(self._frame.cancellation.reason)
            self._act()

    async def _obey_cancellation(self) -> None:
        self._schedule.cancel_run(self._frame.cancellation.reason)
        self._act()

    def _act(self) -> None:
        for action in self._schedule.advance():
            self._perform(action)

    def _perform(self, action: Action) -> None:
        now = self._frame.clock.now()
        match action:
            case Announce():
                self._frame.sink.emit(JobPlanned(now, planned_job(action.job.job, action.leg)))
            case Report(position=position, result=result):
                self._tally.add(position, result)
                self._frame.sink.emit(JobFinished(now, result.key, result.conclusion, 0.0, result.reason))
            case Begin(leg=leg):
                self._cancellations[leg] = Cancellation()
                self._start(self._run_leg, action)
            case Stop(leg=leg, reason=reason):
                self._cancellations[leg].request(reason)
            case Enter(leg=leg):
                scope = self._holds[leg] = anyio.CancelScope()
                self._start(partial(self._hold_groups, scope), action)
            case Leave(leg=leg):
                if (held := self._holds.pop(leg, None)) is not None:
                    held.cancel()
            case _:
                assert_never(action)

    def _start(self, function: Callable[[_T], Coroutine[Any, Any, None]], argument: _T) -> None:
        if self._tasks is None:
            raise StateError("nothing can start before the graph runs")
        self._tasks.start_soon(function, argument)

    async def _run_leg(self, action: Begin) -> None:
        leg = action.leg
        plan = leg.job.plan
        if not isinstance(plan, JobPlan):
            raise StateError(f"{leg.key} has no steps")
        end = await LegRunner(self._frame, leg, plan.job, self._cancellations[leg], at_once=action.at_once).run()
        del self._cancellations[leg]
        self._tally.add(leg.position, end.result)
        self._schedule.end(leg, end.needs)
        if end.trouble is not None:
            self._fail(end.trouble)
        self._act()

    def _fail(self, trouble: RunnerError) -> None:
        self._trouble = self._trouble or trouble
        self._schedule.abort(f"the run ended early: {trouble}")

    async def _hold_groups(self, scope: anyio.CancelScope, action: Enter) -> None:
        """Hold a leg's groups until `scope` is cancelled, which may be before this begins."""
        leg = action.leg
        with scope:
            try:
                async with AsyncExitStack() as stack:
                    await self._hold(action, stack)
            except RunnerError as error:
                self._schedule.stop(leg, str(error))
                self._fail(error)
                self._act()

    async def _hold(self, action: Enter, stack: AsyncExitStack) -> None:
        holds: list[Hold] = []
        with self._frame.session.using():  # it waits, and is not idle
            for plan in action.groups:
                hold = await stack.enter_async_context(self._door.holding(plan, action.leg.key))
                if hold.refusal is not None:
                    self._schedule.stop(action.leg, hold.refusal)
                    self._act()
                    return
                holds.append(hold)
        self._schedule.enter(action.leg)
        self._act()
        async with anyio.create_task_group() as tasks:
            for hold in holds:
                tasks.start_soon(self._give_up, action.leg, hold)

    async def _give_up(self, leg: LegState, hold: Hold) -> None:
        self._schedule.stop(leg, await hold.wait_revoked())
        self._act()
        await anyio.sleep_forever()  # until the leg has ended, and leaves
