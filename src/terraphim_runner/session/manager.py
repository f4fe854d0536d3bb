"""The only way to a VM."""

from __future__ import annotations

from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Self
from uuid import uuid4

import anyio
import structlog

from terraphim_runner.domain.budget import UNLIMITED, Budget, Share
from terraphim_runner.domain.errors import InfraError, RunnerError
from terraphim_runner.domain.ident import SessionId
from terraphim_runner.domain.state import SessionState
from terraphim_runner.link.single_error import single_error
from terraphim_runner.ports.ledger import LedgerEntry, LedgerEvent
from terraphim_runner.ports.usage import MeteredProvider
from terraphim_runner.ports.vm import AllocationRequest
from terraphim_runner.session.admission import Admission, AdmissionStatistics, WhenFull
from terraphim_runner.session.reconciliation import owed_entries
from terraphim_runner.session.session import Session

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable
    from types import TracebackType

    from terraphim_runner.domain.ident import RunId, VmId
    from terraphim_runner.domain.usage import VmUsage
    from terraphim_runner.domain.vm_type import VmType
    from terraphim_runner.ports.clock import Clock
    from terraphim_runner.ports.execution_sink import ExecutionSink
    from terraphim_runner.ports.ledger import Ledger
    from terraphim_runner.ports.vm import Allocation, VmProvider

_log = structlog.get_logger(__name__)
_MEASURING_S = 2.0


@dataclass(frozen=True, slots=True)
class SessionLimits:
    """What the operator allows."""

    max_concurrent_sessions: int = 1
    budget: Budget = UNLIMITED  # what VMs may be promised together
    when_full: WhenFull = WhenFull.WAIT
    idle_timeout_s: float = 600.0  # a session with no command under way for so long is ended
    release_deadline_s: float = 30.0  # for one attempt to release
    release_attempts: int = 3


class SessionManager:
    """Create and release sessions, under a hard limit, with every allocation and release in the ledger.

    An async context manager. Entering settles what dead runners left behind; leaving releases what is still held.
    The provider must be entered before and left after.
    """

    def __init__(self, provider: VmProvider, ledger: Ledger, clock: Clock, limits: SessionLimits) -> None:
        """Hold nothing yet."""
        self._provider = provider
        self._ledger = ledger
        self._clock = clock
        self._limits = limits
        self._admission = Admission(limits.max_concurrent_sessions, limits.when_full, limits.budget)
        self._admitted: dict[SessionId, anyio.Event] = {}
        self._sessions: dict[SessionId, Session] = {}
        self._released: dict[SessionId, anyio.Event] = {}
        self._stack = AsyncExitStack()
        self.reconciled: tuple[VmId, ...] = ()  # what dead runners had left when this one started

    async def __aenter__(self) -> Self:
        """Settle what dead runners left; start the reaper."""
        self.reconciled = tuple(await self.reconcile())
        async with AsyncExitStack() as stack:
            tasks = await stack.enter_async_context(anyio.create_task_group())
            stack.callback(tasks.cancel_scope.cancel)
            stack.push_async_callback(self._release_all)
            tasks.start_soon(self._reap_idle_sessions)
            self._stack = stack.pop_all()
        return self

    async def __aexit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, traceback: TracebackType | None
    ) -> bool | None:
        """Release what is still held."""
        with single_error():  # that there is a task group in here is nobody's business
            return await self._stack.__aexit__(exc_type, exc, traceback)

    @property
    def provider_name(self) -> str:
        """Which provider the VMs come from."""
        return self._provider.name

    @asynccontextmanager
    async def session(
        self, run_id: RunId, vm_type: VmType, *, on_queued: Callable[[int], None] | None = None
    ) -> AsyncIterator[Session]:
        """Hold a session for the length of the context; release it whatever happens inside.

        The session's end is `completed` unless the body raised, or moved it to `failed` or `cancelled` itself.
        """
        session = await self.create_session(run_id, vm_type, on_queued=on_queued)
        try:
            yield session
        except BaseException as error:
            await self._try_release(session, _end_for(error))
            raise
        else:
            await self.release_session(session, SessionState.COMPLETED)

    async def create_session(
        self,
        run_id: RunId,
        vm_type: VmType,
        *,
        on_queued: Callable[[int], None] | None = None,
        executions: ExecutionSink | None = None,
    ) -> Session:
        """Wait for a place, then allocate a VM, once.

        `on_queued` is told the position if there is a queue, `executions` every command that the session executes.
        A caller cancelled at any point holds nothing.

        Raises:
            SessionRefused: there is no room and the setting says refuse; no VM was asked for.
            HostError: the VM is larger than the whole budget; or as `VmProvider.allocate`.
            InfraError: as `VmProvider.allocate`.
        """
        session = Session(SessionId(f"s-{uuid4().hex[:12]}"), run_id, vm_type, self._clock, executions)
        await self._wait_admitted(session, on_queued)
        self._sessions[session.id] = session
        try:
            self._record(session, LedgerEvent.REQUESTED)
            allocation = await self._provider.allocate(AllocationRequest(vm_type, run_id))
        except BaseException as error:
            self._forget(session.id)
            session.change(_end_for(error))
            self._record(session, LedgerEvent.ALLOCATION_FAILED, detail=_reason(error))
            raise
        await self._attach(session, allocation)
        return session

    async def release_session(self, session: Session, end: SessionState) -> None:
        """Release the session's VM, exactly once, shielded from cancellation.

        Who calls while that is under way waits for it, and tries again where it failed.

        `end` is completed, failed or cancelled, and is ignored when the session ended before.

        Raises:
            InfraError: the VM could not be released within the allowed attempts. The ledger keeps it, the place
                stays taken, and leaving the manager or the next start tries again.
        """
        with anyio.CancelScope(shield=True):
            while released := self._released.get(session.id):
                await released.wait()
            if session.state is not SessionState.RELEASED:
                await self._release_once(session, end)

    async def usage(self, session: Session) -> VmUsage | None:
        """Tell what the session's VM used until now; none where that is not measured, or the VM is gone."""
        if not isinstance(self._provider, MeteredProvider):
            return None
        with suppress(InfraError), anyio.move_on_after(_MEASURING_S):
            return await self._provider.usage(session.vm_id)
        return None

    async def reconcile(self) -> list[VmId]:
        """Release what runners that died left in the ledger; return the VMs released."""
        settled: list[VmId] = []
        with self._ledger.reconciling() as is_ours:
            if not is_ours:
                return settled
            entries = self._ledger.entries()
            for entry in owed_entries(entries, provider=self._provider.name, is_alive=self._ledger.is_alive):
                vm_id = await self._settle(entry)
                if vm_id is not None:
                    settled.append(vm_id)
        return settled

    def sessions(self) -> list[Session]:
        """List the sessions that hold a place now."""
        return list(self._sessions.values())

    def statistics(self) -> AdmissionStatistics:
        """Count who holds a place and who waits."""
        return self._admission.statistics()

    async def _wait_admitted(self, session: Session, on_queued: Callable[[int], None] | None) -> None:
        session_id = session.id
        position = self._admission.request(session_id, Share.of(session.vm_type))
        if position == 0:
            return
        admitted = self._admitted[session_id] = anyio.Event()
        try:
            if on_queued is not None:
                on_queued(position)
            await admitted.wait()
        except BaseException:
            self._leave(session_id)
            raise
        finally:
            self._admitted.pop(session_id, None)

    async def _attach(self, session: Session, allocation: Allocation) -> None:
        try:
            session.attach(allocation)
            self._record(session, LedgerEvent.ALLOCATED, detail=allocation.source.value)
        except BaseException:
            # The VM is real though it could not be recorded: give it back rather than run unaccounted.
            await self.release_session(session, SessionState.FAILED)
            raise

    async def _release_once(self, session: Session, end: SessionState) -> None:
        released = self._released[session.id] = anyio.Event()
        try:
            if session.state in {SessionState.ACTIVE, SessionState.EXECUTING}:
                session.change(end)
            if session.state is not SessionState.TERMINATING:  # an earlier attempt that failed left it so
                session.change(SessionState.TERMINATING)
            await self._release_vm(session)
        finally:
            released.set()
            del self._released[session.id]

    async def _release_vm(self, session: Session) -> None:
        last_error: Exception | None = None
        reason = ""
        for attempt in range(self._limits.release_attempts):
            try:
                with anyio.fail_after(self._limits.release_deadline_s):
                    await self._provider.release(session.vm_id)
            except (RunnerError, OSError, TimeoutError) as error:
                last_error, reason = error, _reason(error)
                self._record(session, LedgerEvent.RELEASE_FAILED, detail=reason)
                _log.warning("release failed", session=session.id, vm=str(session.vm_id), attempt=attempt + 1)
            else:
                self._record(session, LedgerEvent.RELEASED)
                session.change(SessionState.RELEASED)
                self._forget(session.id)
                return
        raise InfraError(
            f"{session.vm_id} could not be released: {reason}",
            hint="It stays in the ledger; the next start of terraphim-runner tries again.",
        ) from last_error

    async def _release_all(self) -> None:
        for session in self.sessions():
            if session.state is not SessionState.INITIALIZING:
                await self._try_release(session, SessionState.CANCELLED)

    async def _reap_idle_sessions(self) -> None:
        while True:
            await self._clock.sleep_s(self._next_expiry_s() - self._clock.monotonic_s())
            now_s = self._clock.monotonic_s()
            for session in self.sessions():
                is_idle = session.is_expired(now_s, self._limits.idle_timeout_s)
                if is_idle:
                    _log.warning("session idle for too long", session=session.id, vm=str(session.vm_id))
                if is_idle or session.state is SessionState.TERMINATING:
                    await self._try_release(session, SessionState.FAILED)

    async def _try_release(self, session: Session, end: SessionState) -> None:
        """Release where another error, or the loop, matters more than a failure to release."""
        try:
            await self.release_session(session, end)
        except RunnerError as error:
            _log.exception("session not released", session=session.id, error=str(error))

    def _next_expiry_s(self) -> float:
        # Whatever becomes idle later than now expires later than this, so sleeping until then misses nobody.
        idle = (s.last_used_s for s in self._sessions.values() if s.state is SessionState.ACTIVE)
        return min(idle, default=self._clock.monotonic_s()) + self._limits.idle_timeout_s

    async def _settle(self, entry: LedgerEntry) -> VmId | None:
        if entry.vm_id is None:
            self._append(entry, LedgerEvent.ALLOCATION_FAILED, None, "its runner died while allocating")
            return None
        try:
            with anyio.fail_after(self._limits.release_deadline_s):
                await self._provider.release(entry.vm_id)
        except (RunnerError, OSError, TimeoutError) as error:
            self._append(entry, LedgerEvent.RELEASE_FAILED, entry.vm_id, _reason(error))
            return None
        self._append(entry, LedgerEvent.RELEASED, entry.vm_id, "its runner died; released by the next one")
        return entry.vm_id

    def _append(self, owed: LedgerEntry, event: LedgerEvent, vm_id: VmId | None, detail: str) -> None:
        # The owner stays the dead one: should releasing fail, the next start must still see it as owed.
        self._ledger.append(
            LedgerEntry(
                at=self._clock.now(),
                event=event,
                session_id=owed.session_id,
                run_id=owed.run_id,
                provider=owed.provider,
                owner=owed.owner,
                vm_id=vm_id,
                detail=detail,
            )
        )

    def _record(self, session: Session, event: LedgerEvent, *, detail: str | None = None) -> None:
        has_vm = event not in {LedgerEvent.REQUESTED, LedgerEvent.ALLOCATION_FAILED}
        self._ledger.append(
            LedgerEntry(
                at=self._clock.now(),
                event=event,
                session_id=session.id,
                run_id=session.run_id,
                provider=self._provider.name,
                owner=self._ledger.owner,
                vm_id=session.vm_id if has_vm else None,
                detail=detail,
            )
        )

    def _forget(self, session_id: SessionId) -> None:
        self._sessions.pop(session_id, None)
        self._leave(session_id)

    def _leave(self, session_id: SessionId) -> None:
        for following in self._admission.leave(session_id):
            self._admitted[following].set()


def _end_for(error: BaseException) -> SessionState:
    return SessionState.CANCELLED if isinstance(error, anyio.get_cancelled_exc_class()) else SessionState.FAILED


def _reason(error: BaseException) -> str:
    return str(error) or type(error).__name__
