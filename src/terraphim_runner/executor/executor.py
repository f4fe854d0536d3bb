"""Run a planned workflow in one session, from the first event to the verdict."""

from __future__ import annotations

import json
import math
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING

import anyio
import structlog

from terraphim_runner.domain.conclusion import Conclusion
from terraphim_runner.domain.errors import InfraError, RunnerError, StateError
from terraphim_runner.domain.event import (
    Notice,
    RunFinished,
    RunStarted,
    SessionQueued,
    VmAllocated,
    VmEvidence,
    VmReleased,
)
from terraphim_runner.domain.state import SessionState
from terraphim_runner.executor.action_library import ActionLibrary, NoActions
from terraphim_runner.executor.beside import running_beside
from terraphim_runner.executor.entitlement import gets_secrets
from terraphim_runner.executor.frame import RunFrame
from terraphim_runner.executor.graph_runner import GraphRunner, planned_job
from terraphim_runner.executor.group_hold import GroupDoor
from terraphim_runner.executor.mask import Masker
from terraphim_runner.executor.masked_sink import MaskedExecutions, MaskedSink
from terraphim_runner.executor.run_work_tree import RunWorkTree
from terraphim_runner.executor.schedule_state import Level
from terraphim_runner.executor.support import refuse_unsupported
from terraphim_runner.executor.usage import blocked_message, throttled_message
from terraphim_runner.executor.verdict import Tally, verdict
from terraphim_runner.expressions.value import fold_case
from terraphim_runner.session.reconciliation import count_allocations, count_releases

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping

    from terraphim_runner.domain.ident import RunId
    from terraphim_runner.domain.usage import VmUsage
    from terraphim_runner.domain.vm_type import VmType
    from terraphim_runner.executor.cancellation import Cancellation
    from terraphim_runner.executor.group_hold import Hold
    from terraphim_runner.ports.clock import Clock
    from terraphim_runner.ports.concurrency_groups import ConcurrencyGroups
    from terraphim_runner.ports.event_sink import EventSink
    from terraphim_runner.ports.execution_sink import ExecutionSink
    from terraphim_runner.ports.ledger import Ledger
    from terraphim_runner.ports.work_tree import WorkTree
    from terraphim_runner.session.manager import SessionManager
    from terraphim_runner.session.session import Session
    from terraphim_runner.workflow.run_plan import RunPlan

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class RunRequest:
    """Everything a run needs to know before it starts."""

    run_id: RunId
    plan: RunPlan
    vm_type: VmType
    env: Mapping[str, str] = field(default_factory=dict)  # for every step, below what the workflow sets
    secrets: Mapping[str, str] = field(
        default_factory=dict, repr=False
    )  # all; which job gets which is decided here
    variables: Mapping[str, str] = field(default_factory=dict)
    work_tree: WorkTree | None = None
    concurrency_scope: str | None = None  # within which concurrency groups hold; None: the repository
    max_parallel_jobs: int | None = None  # at once; never more than the VM has processors
    masker: Masker = field(default_factory=Masker)  # whoever else tells of this run uses it too
    actions: ActionLibrary = field(default_factory=lambda: ActionLibrary(NoActions()))


@dataclass(slots=True)
class _Progress:
    """What is known of a run so far, however it ends."""

    jobs: Tally = field(default_factory=Tally)
    session: Session | None = None
    error: str | None = None
    hint: str | None = None
    usage: VmUsage | None = None

    def blame(self, error: RunnerError) -> None:
        """Take what is to blame; what comes after the first is its consequence."""
        # Whoever stops us at once takes the VM away under what still goes on: fallout of that, no failure.
        if self.error is None and not _is_stopped_at_once():
            self.error, self.hint = str(error), error.hint


class WorkflowExecutor:
    """Executes workflows, each in one session of its own.

    Concurrent calls are independent; the session manager's limit makes them wait for each other.
    """

    def __init__(
        self,
        sessions: SessionManager,
        ledger: Ledger,
        clock: Clock,
        sink: EventSink,
        groups: ConcurrencyGroups,
        *,
        executions: ExecutionSink | None = None,
    ) -> None:
        """Take sessions from `sessions`, count allocations in `ledger`, wait for groups in `groups`.

        Events go to `sink`; the commands that are executed are told to `executions`, masked like them.
        """
        self._sessions = sessions
        self._ledger = ledger
        self._groups = groups
        self._clock = clock
        self._sink = sink
        self._executions = executions

    async def execute_workflow(self, request: RunRequest, cancellation: Cancellation) -> RunFinished:
        """Run to the verdict; the last event sent is what is returned.

        `cancellation` stops it in good order. Cancelling the calling task stops it at once; the VM is released
        all the same.

        Raises:
            WorkflowError: the workflow asks for what we cannot run; no VM was asked for.
            HostError | SessionRefused: no VM can be had on this machine, or not now. The result was sent.
            StateError: a run that is entitled to no secrets has some.
        """
        if request.secrets and not gets_secrets(request.plan.event):
            raise StateError("secrets were given to a run of a fork's pull request")
        refuse_unsupported(request.plan, request.actions)
        request.masker.add_secrets(request.secrets)
        started_s = self._clock.monotonic_s()
        progress = _Progress()
        self._sink_of(request).emit(self._started(request))
        try:
            await self._execute(request, cancellation, progress)
        except InfraError as error:
            progress.blame(error)
            _log.debug("infrastructure failure", run=request.run_id, exc_info=True)
        except RunnerError as error:  # this machine, or who uses it, is to blame: the caller says what mends it
            progress.blame(error)
            self._sink_of(request).emit(self._finished(request, progress, started_s, reason=None))
            raise
        except anyio.get_cancelled_exc_class():
            self._sink_of(request).emit(self._finished(request, progress, started_s, reason=cancellation.reason))
            raise
        except Exception as error:  # a bug of ours: who listens gets a result all the same, and no green one
            progress.blame(StateError(f"{type(error).__name__}: {error}"))
            self._sink_of(request).emit(self._finished(request, progress, started_s, reason=None))
            raise
        reason = cancellation.reason if cancellation.is_requested else None
        result = self._finished(request, progress, started_s, reason=reason)
        self._sink_of(request).emit(result)
        return result

    async def _execute(self, request: RunRequest, cancellation: Cancellation, progress: _Progress) -> None:
        async with AsyncExitStack() as stack:
            if not await stack.enter_async_context(self._turn(request, cancellation)):
                return
            session = await stack.enter_async_context(self._session(request, cancellation, progress))
            if session is None:
                return
            work_tree = None
            if request.work_tree is not None:
                work_tree = await stack.enter_async_context(RunWorkTree(request.work_tree))
            frame = self._frame(request, cancellation, session, work_tree)
            cpus = session.vm_type.cpus  # as many parts a VM's disk is divided into, one for each job
            places = min(request.max_parallel_jobs or cpus, cpus)
            graph = GraphRunner(frame, _root(request), progress.jobs, self._door(request), places=places)
            await graph.run()

    @asynccontextmanager
    async def _turn(self, request: RunRequest, cancellation: Cancellation) -> AsyncIterator[bool]:
        """Wait for the workflow's concurrency group, and hold it; False if the run is over before it began."""
        plan = request.plan.concurrency
        if plan is None:
            yield True
            return
        async with AsyncExitStack() as stack:
            hold = None
            with anyio.CancelScope() as scope, cancellation.when_requested(scope.cancel):
                hold = await stack.enter_async_context(self._door(request).holding(plan))
            if hold is None or hold.refusal is not None:
                cancellation.request(hold.refusal if hold is not None and hold.refusal else cancellation.reason)
                yield False
                return
            async with running_beside(partial(_give_up, hold, cancellation)):
                yield True

    def _door(self, request: RunRequest) -> GroupDoor:
        scope = request.concurrency_scope or request.plan.event.repository
        return GroupDoor(self._groups, scope, request.run_id, self._sink_of(request), self._clock)

    @asynccontextmanager
    async def _session(
        self, request: RunRequest, cancellation: Cancellation, progress: _Progress
    ) -> AsyncIterator[Session | None]:
        session = await self._obtain(request, cancellation)
        if session is None:
            yield None
            return
        progress.session = session
        self._sink_of(request).emit(self._allocated(request, session))
        end = SessionState.FAILED
        try:
            yield session
            end = _END_STATES[_conclude(progress, is_cancelled=cancellation.is_requested)]
        except anyio.get_cancelled_exc_class():
            end = SessionState.CANCELLED
            raise
        finally:
            await self._release(request, session, end, progress)

    async def _obtain(self, request: RunRequest, cancellation: Cancellation) -> Session | None:
        """Get a session; None if the run is cancelled before it has one."""
        with anyio.CancelScope() as scope, cancellation.when_requested(scope.cancel):
            return await self._sessions.create_session(
                request.run_id,
                request.vm_type,
                on_queued=partial(self._tell_queued, request),
                executions=self._executions and MaskedExecutions(self._executions, request.masker),
            )
        return None

    async def _release(
        self, request: RunRequest, session: Session, end: SessionState, progress: _Progress
    ) -> None:
        with anyio.CancelScope(shield=True):
            progress.usage = await self._sessions.usage(session)
        messages = blocked_message(progress.usage), throttled_message(progress.usage, request.vm_type)
        for message in filter(None, messages):
            self._sink_of(request).emit(Notice(self._clock.now(), "warning", message))
        started_s = self._clock.monotonic_s()
        try:
            await self._sessions.release_session(session, end)
        except RunnerError as error:
            progress.blame(error)
            return
        duration_s = self._clock.monotonic_s() - started_s
        self._sink_of(request).emit(
            VmReleased(self._clock.now(), request.run_id, session.id, str(session.vm_id), duration_s)
        )

    def _sink_of(self, request: RunRequest) -> MaskedSink:
        return MaskedSink(self._sink, request.masker)

    def _frame(
        self, request: RunRequest, cancellation: Cancellation, session: Session, work_tree: WorkTree | None
    ) -> RunFrame:
        return RunFrame(
            session=session,
            sink=self._sink_of(request),
            clock=self._clock,
            cancellation=cancellation,
            masker=request.masker,
            github=request.plan.setting.contexts["github"],
            env=request.env,
            event_payload=json.dumps(request.plan.event.payload).encode(),
            work_tree=work_tree,
            actions=request.actions,
        )

    def _started(self, request: RunRequest) -> RunStarted:
        plan = request.plan
        return RunStarted(
            at=self._clock.now(),
            run_id=request.run_id,
            workflow=str(plan.workflow.name or plan.workflow.file),
            file=plan.workflow.file,
            event_name=plan.event.name,
            jobs=tuple(planned_job(job.job, leg) for job, leg in plan.legs),
            title=plan.name,
        )

    def _tell_queued(self, request: RunRequest, position: int) -> None:
        self._sink_of(request).emit(SessionQueued(self._clock.now(), request.run_id, position))

    def _allocated(self, request: RunRequest, session: Session) -> VmAllocated:
        allocation = session.allocation
        return VmAllocated(
            at=self._clock.now(),
            run_id=request.run_id,
            session_id=session.id,
            vm_id=str(session.vm_id),
            vm_type=request.vm_type.name,
            provider=self._sessions.provider_name,
            source=allocation.source.value,
            is_reused_slot=allocation.is_reused_slot,
            duration_s=allocation.duration_s,
        )

    def _finished(
        self, request: RunRequest, progress: _Progress, started_s: float, *, reason: str | None
    ) -> RunFinished:
        """Make the result; `reason` is why the run was cancelled, if it was."""
        entries = [] if progress.session is None else self._ledger.entries(progress.session.id)
        return RunFinished(
            at=self._clock.now(),
            run_id=request.run_id,
            conclusion=_conclude(progress, is_cancelled=reason is not None),
            vm=self._evidence(request, progress.session),
            allocations=count_allocations(entries),
            releases=count_releases(entries),
            duration_s=self._clock.monotonic_s() - started_s,
            jobs=progress.jobs.in_order(),
            error=progress.error,
            hint=progress.hint,
            reason=reason,
            usage=progress.usage,
        )

    def _evidence(self, request: RunRequest, session: Session | None) -> VmEvidence | None:
        if session is None:
            return None
        return VmEvidence(
            id=str(session.vm_id),
            type=request.vm_type.name,
            provider=self._sessions.provider_name,
            source=session.allocation.source.value,
            is_reused_slot=session.allocation.is_reused_slot,
            allocation_s=session.allocation.duration_s,
            commands=session.commands,
        )


_END_STATES = {
    Conclusion.SUCCESS: SessionState.COMPLETED,
    Conclusion.SKIPPED: SessionState.COMPLETED,
    Conclusion.FAILURE: SessionState.FAILED,
    Conclusion.CANCELLED: SessionState.CANCELLED,
}


def _is_stopped_at_once() -> bool:
    """Tell whether the calling task is being cancelled, though nothing has raised it yet."""
    return anyio.current_effective_deadline() == -math.inf


def _root(request: RunRequest) -> Level:
    plan = request.plan
    setting = plan.setting.with_contexts(vars={**plan.setting.contexts["vars"], **request.variables})
    held = () if plan.concurrency is None else (fold_case(plan.concurrency.group),)
    root = Level(plan.workflow, setting, request.secrets, held)
    root.add_jobs(plan.jobs)
    return root


async def _give_up(hold: Hold, cancellation: Cancellation) -> None:
    cancellation.request(await hold.wait_revoked())


def _conclude(progress: _Progress, *, is_cancelled: bool) -> Conclusion:
    """Give the run's verdict: success only if jobs ran, all of them well, and nothing of ours failed."""
    if _is_stopped_at_once():
        return Conclusion.CANCELLED
    if progress.error is not None:
        return Conclusion.FAILURE
    return Conclusion.CANCELLED if is_cancelled else verdict(progress.jobs.in_order())
