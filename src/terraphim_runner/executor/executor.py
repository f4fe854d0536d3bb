"""Run a planned workflow in one session, from the first event to the verdict."""

from __future__ import annotations

import json
import math
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING

import anyio
import structlog

from terraphim_runner.domain.conclusion import Conclusion
from terraphim_runner.domain.errors import InfraError, RunnerError, WorkflowError
from terraphim_runner.domain.event import (
    RunFinished,
    RunStarted,
    SessionQueued,
    VmAllocated,
    VmEvidence,
    VmReleased,
)
from terraphim_runner.domain.state import SessionState
from terraphim_runner.executor.beside import running_beside
from terraphim_runner.executor.frame import RunFrame
from terraphim_runner.executor.graph_runner import GraphRunner, planned_job
from terraphim_runner.executor.mask import Masker
from terraphim_runner.executor.support import unsupported
from terraphim_runner.session.reconciliation import count_allocations, count_releases
from terraphim_runner.workflow.run_plan import JobPlan

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping

    from terraphim_runner.domain.event import JobResult
    from terraphim_runner.domain.ident import RunId
    from terraphim_runner.domain.vm_type import VmType
    from terraphim_runner.executor.cancellation import Cancellation
    from terraphim_runner.ports.clock import Clock
    from terraphim_runner.ports.event_sink import EventSink
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
    secrets: Mapping[str, str] = field(default_factory=dict)  # all of them; which job gets which is decided here
    variables: Mapping[str, str] = field(default_factory=dict)
    work_tree: WorkTree | None = None


@dataclass(slots=True)
class _Progress:
    """What is known of a run so far, however it ends."""

    jobs: list[JobResult] = field(default_factory=list)
    session: Session | None = None
    error: str | None = None
    hint: str | None = None

    def blame(self, error: RunnerError) -> None:
        """Take what is to blame; what comes after the first is its consequence."""
        # Whoever stops us at once takes the VM away under what still goes on: fallout of that, no failure.
        if self.error is None and not _is_stopped_at_once():
            self.error, self.hint = str(error), error.hint


class WorkflowExecutor:
    """Executes workflows, each in one session of its own.

    Concurrent calls are independent; the session manager's limit makes them wait for each other.
    """

    def __init__(self, sessions: SessionManager, ledger: Ledger, clock: Clock, sink: EventSink) -> None:
        """Take sessions from `sessions` and count allocations in `ledger`."""
        self._sessions = sessions
        self._ledger = ledger
        self._clock = clock
        self._sink = sink

    async def execute_workflow(self, request: RunRequest, cancellation: Cancellation) -> RunFinished:
        """Run to the verdict; the last event sent is what is returned.

        `cancellation` stops it in good order. Cancelling the calling task stops it at once; the VM is released
        all the same.

        Raises:
            WorkflowError: the workflow asks for what we cannot run; no VM was asked for.
            HostError | SessionRefused: no VM can be had on this machine, or not now. The result was sent.
        """
        if faults := unsupported(request.plan):
            raise WorkflowError(faults)
        started_s = self._clock.monotonic_s()
        progress = _Progress()
        self._sink.emit(self._started(request))
        try:
            await self._execute(request, cancellation, progress)
        except InfraError as error:
            progress.blame(error)
            _log.debug("infrastructure failure", run=request.run_id, exc_info=True)
        except RunnerError as error:  # this machine, or who uses it, is to blame: the caller says what mends it
            progress.blame(error)
            self._sink.emit(self._finished(request, progress, started_s, is_cancelled=False))
            raise
        except anyio.get_cancelled_exc_class():
            self._sink.emit(self._finished(request, progress, started_s, is_cancelled=True))
            raise
        result = self._finished(request, progress, started_s, is_cancelled=cancellation.is_requested)
        self._sink.emit(result)
        return result

    async def _execute(self, request: RunRequest, cancellation: Cancellation, progress: _Progress) -> None:
        async with self._session(request, cancellation, progress) as session:
            if session is None:
                return
            frame = self._frame(request, cancellation, session)
            jobs = [job for job in request.plan.jobs if isinstance(job, JobPlan)]
            graph = GraphRunner(frame, request.plan.workflow, jobs, request.plan.setting, progress.jobs)
            await graph.run()

    @asynccontextmanager
    async def _session(
        self, request: RunRequest, cancellation: Cancellation, progress: _Progress
    ) -> AsyncIterator[Session | None]:
        session = await self._obtain(request, cancellation)
        if session is None:
            yield None
            return
        progress.session = session
        self._sink.emit(self._allocated(request, session))
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
        session = None
        with anyio.CancelScope() as scope:
            async with running_beside(partial(_cancel_when_requested, cancellation, scope)):
                session = await self._sessions.create_session(
                    request.run_id, request.vm_type, on_queued=partial(self._tell_queued, request)
                )
        return session

    async def _release(
        self, request: RunRequest, session: Session, end: SessionState, progress: _Progress
    ) -> None:
        started_s = self._clock.monotonic_s()
        try:
            await self._sessions.release_session(session, end)
        except RunnerError as error:
            progress.blame(error)
            return
        duration_s = self._clock.monotonic_s() - started_s
        self._sink.emit(VmReleased(self._clock.now(), request.run_id, session.id, str(session.vm_id), duration_s))

    def _frame(self, request: RunRequest, cancellation: Cancellation, session: Session) -> RunFrame:
        return RunFrame(
            session=session,
            sink=self._sink,
            clock=self._clock,
            cancellation=cancellation,
            masker=Masker(),
            github=request.plan.setting.contexts["github"],
            env=request.env,
            event_payload=json.dumps(request.plan.event.payload).encode(),
            work_tree=request.work_tree,
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
        self._sink.emit(SessionQueued(self._clock.now(), request.run_id, position))

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
        self, request: RunRequest, progress: _Progress, started_s: float, *, is_cancelled: bool
    ) -> RunFinished:
        entries = [] if progress.session is None else self._ledger.entries(progress.session.id)
        return RunFinished(
            at=self._clock.now(),
            run_id=request.run_id,
            conclusion=_conclude(progress, is_cancelled=is_cancelled),
            vm=self._evidence(request, progress.session),
            allocations=count_allocations(entries),
            releases=count_releases(entries),
            duration_s=self._clock.monotonic_s() - started_s,
            jobs=tuple(progress.jobs),
            error=progress.error,
            hint=progress.hint,
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


async def _cancel_when_requested(cancellation: Cancellation, scope: anyio.CancelScope) -> None:
    await cancellation.wait_requested()
    scope.cancel()


def _conclude(progress: _Progress, *, is_cancelled: bool) -> Conclusion:
    """Give the run's verdict: success only if jobs ran, all of them well, and nothing of ours failed."""
    conclusions = {
        Conclusion.SUCCESS if job.is_tolerated and job.conclusion is Conclusion.FAILURE else job.conclusion
        for job in progress.jobs
    }
    if _is_stopped_at_once():
        return Conclusion.CANCELLED
    if progress.error is not None or Conclusion.FAILURE in conclusions:
        return Conclusion.FAILURE
    if is_cancelled or Conclusion.CANCELLED in conclusions:
        return Conclusion.CANCELLED
    return Conclusion.SUCCESS if Conclusion.SUCCESS in conclusions else Conclusion.SKIPPED
