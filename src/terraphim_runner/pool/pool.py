"""The pool: a provider in front of another one, which has VMs ready before they are asked for."""

from __future__ import annotations

from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Self, assert_never

import anyio
import structlog

from terraphim_runner.domain.errors import InfraError, RunnerError, SessionRefused, StateError
from terraphim_runner.link.single_error import single_error
from terraphim_runner.pool.observer import Happening, ignore
from terraphim_runner.pool.place import PlaceState
from terraphim_runner.pool.plan import Destroy, Prepare, Restore, Wake, next_due_s, plan
from terraphim_runner.pool.state import PoolState
from terraphim_runner.pool.status import PoolStatus, status_of
from terraphim_runner.ports.usage import MeteredProvider
from terraphim_runner.ports.vm import Allocation, AllocationRequest, AllocationSource

if TYPE_CHECKING:
    from collections.abc import Sequence
    from types import TracebackType

    from anyio.abc import TaskGroup

    from terraphim_runner.domain.ident import VmId
    from terraphim_runner.domain.usage import VmUsage
    from terraphim_runner.domain.vm_type import VmType
    from terraphim_runner.pool.limits import PoolLimits
    from terraphim_runner.pool.observer import PoolObserver
    from terraphim_runner.pool.place import Place
    from terraphim_runner.pool.plan import Action
    from terraphim_runner.pool.state import Ticket
    from terraphim_runner.ports.clock import Clock
    from terraphim_runner.ports.preparation import PreparedVm, VmPreparer
    from terraphim_runner.ports.vm import Vm

_log = structlog.get_logger(__name__)
_NEVER_S = 86_400.0


@dataclass(slots=True)
class _Answer:
    """What becomes of a request."""

    is_there: anyio.Event = field(default_factory=anyio.Event)
    vm: Vm | None = None
    source: AllocationSource = AllocationSource.WARM
    error: Exception | None = None

    def give(self, vm: Vm, source: AllocationSource) -> None:
        self.vm, self.source = vm, source
        self.is_there.set()

    def fail(self, error: Exception) -> None:
        self.error = error
        self.is_there.set()


class VmPool:
    """A `VmProvider` that keeps VMs of another provider ready, within limits.

    Owns the provider: enters and leaves it. Every decision is `plan`'s; here it is carried out, each action in a
    task of its own. A request that is cancelled is withdrawn at once; what is under way for it serves another or
    is destroyed in the background.
    """

    def __init__(
        self, provider: VmPreparer, clock: Clock, limits: PoolLimits, observer: PoolObserver = ignore
    ) -> None:
        """Keep VMs of `provider`, which is not entered yet."""
        self._provider = provider
        self._clock = clock
        self._observer = observer
        self._state = PoolState(limits)
        self._answers: dict[int, _Answer] = {}
        self._prepared: dict[Place, PreparedVm] = {}
        self._failures: dict[VmType, Exception] = {}  # the last of each type
        self._stack = AsyncExitStack()
        self._tasks: TaskGroup | None = None
        self._nap = anyio.CancelScope()
        self._nap_until_s = 0.0
        self._changed = anyio.Event()

    @property
    def name(self) -> str:
        """The name of the provider behind it."""
        return self._provider.name

    async def __aenter__(self) -> Self:
        """Clear what dead processes left; begin to fill the pool."""
        async with AsyncExitStack() as stack:
            await stack.enter_async_context(self._provider)
            await self._provider.sweep()
            self._tasks = await stack.enter_async_context(anyio.create_task_group())
            stack.callback(self._tasks.cancel_scope.cancel)
            self._tasks.start_soon(self._keep_time)
            self._stack = stack.pop_all()
        self._step()
        return self

    async def __aexit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Destroy every VM, whoever has it."""
        with single_error():
            await self._stack.__aexit__(exc_type, exc, traceback)

    async def allocate(self, request: AllocationRequest) -> Allocation:
        """Hand out a VM that is ready, or wait for one in order of arrival.

        Raises:
            SessionRefused: the pool is being drained.
            HostError | InfraError: as the provider's.
        """
        started_s = self._clock.monotonic_s()
        ticket = self._state.ask(request.vm_type, request.holder, started_s)
        answer = self._answers[ticket.number] = _Answer()
        self._step()
        try:
            await answer.is_there.wait()
        except BaseException:
            self._state.withdraw(ticket.number, self._clock.monotonic_s())
            self._step()
            raise
        finally:
            del self._answers[ticket.number]
        if answer.vm is None:
            raise answer.error or SessionRefused()
        self._observer(Happening.HIT if answer.source is AllocationSource.WARM else Happening.MISS, ticket.vm_type)
        duration_s = self._clock.monotonic_s() - started_s
        return Allocation(answer.vm, answer.source, answer.vm.id.generation > 1, duration_s)

    async def release(self, vm_id: VmId) -> None:
        """Destroy a VM; its slot is filled again in the background, after this has returned."""
        place = self._state.held(vm_id)
        if place is not None:
            self._state.release(place, self._clock.monotonic_s())
        await self._provider.release(vm_id)
        if place is not None:
            self._ended(place)

    async def held_vms(self) -> Sequence[VmId]:
        """List the VMs that were handed out; `status` tells of the others."""
        return [place.vm_id for place in self._state.having(PlaceState.HELD) if place.vm_id is not None]

    async def usage(self, vm_id: VmId) -> VmUsage | None:
        """Tell what a VM used, where the provider measures it; see `ports.usage`."""
        return await self._provider.usage(vm_id) if isinstance(self._provider, MeteredProvider) else None

    def status(self) -> PoolStatus:
        """Describe the pool at this instant."""
        return status_of(self._state, self._clock.monotonic_s())

    def drain(self) -> None:
        """Destroy idle VMs in the background and refuse requests, waiting ones too; who has a VM keeps it."""
        for ticket in self._state.drain():
            self._refuse(ticket)
        self._step()

    def warm(self, vm_type: VmType, count: int) -> None:
        """Take requests, and keep `count` VMs of a type idle from now on.

        Raises:
            UsageError: there can never be room for so many more.
        """
        self._state.warm(vm_type, count)
        self._failures.pop(vm_type, None)
        self._step()

    async def wait_warm(self, vm_type: VmType) -> None:
        """Return when as many VMs of a type are idle as should be.

        Raises:
            SessionRefused: the pool is being drained.
            RunnerError: one could not be restored since `warm`; the pool goes on trying.
        """
        while len(self._state.having(PlaceState.IDLE, vm_type=vm_type)) < self._state.min_idle.get(vm_type, 0):
            if self._state.is_draining:
                raise SessionRefused("the pool is being drained")
            if error := self._failures.get(vm_type):
                raise error if isinstance(error, RunnerError) else InfraError(str(error)) from error
            await self.wait_changed()

    async def wait_changed(self) -> None:
        """Return when something has happened in the pool."""
        await self._changed.wait()

    # ------------------------------------------------------------ the shell
    def _step(self) -> None:
        now_s = self._clock.monotonic_s()
        for action in plan(self._state, now_s):
            self._running_tasks().start_soon(self._carry_out, action)
        changed, self._changed = self._changed, anyio.Event()
        changed.set()
        due_s = next_due_s(self._state, now_s)
        if due_s is not None and due_s < self._nap_until_s:
            self._nap.cancel()  # the time keeper looks again

    async def _keep_time(self) -> None:
        while True:
            now_s = self._clock.monotonic_s()
            due_s = next_due_s(self._state, now_s)
            self._nap_until_s = now_s + _NEVER_S if due_s is None else due_s
            with anyio.CancelScope() as self._nap:
                await self._clock.sleep_s(self._nap_until_s - now_s)
            self._step()

    async def _carry_out(self, action: Action) -> None:
        match action:
            case Prepare():
                await self._prepare(action)
            case Restore():
                await self._restore(action)
            case Wake():
                await self._wake(action)
            case Destroy():
                await self._destroy(action.place)
            case _:
                assert_never(action)

    async def _prepare(self, action: Prepare) -> None:
        place = action.place
        try:
            prepared = await self._provider.prepare(AllocationRequest(place.vm_type, wish=action.wish))
        except Exception as error:  # noqa: BLE001 - whatever it is, it ends one action and not the pool
            self._not_started(place, error)
            return
        self._prepared[place] = prepared
        self._state.started(place, prepared.id, self._clock.monotonic_s())
        self._running_tasks().start_soon(self._watch, place, prepared)
        self._step()

    async def _restore(self, action: Restore) -> None:
        place = action.place
        try:
            allocation = await self._provider.allocate(AllocationRequest(place.vm_type, wish=action.wish))
        except Exception as error:  # noqa: BLE001 - whatever it is, it ends one action and not the pool
            self._not_started(place, error)
            return
        vm = allocation.vm
        ticket = self._state.started(place, vm.id, self._clock.monotonic_s())
        if ticket is not None:
            self._answers[ticket.number].give(vm, allocation.source)
        self._step()

    async def _wake(self, action: Wake) -> None:
        place, ticket = action.place, action.ticket
        try:
            vm = await self._prepared[place].activate()
        except Exception as error:  # noqa: BLE001 - whatever it is, it ends one action and not the pool
            _log.warning("an idle VM does not wake", vm=str(place.vm_id), error=str(error), exc_info=_bug(error))
            self._observer(Happening.UNFIT, place.vm_type)
            if not self._state.not_woken(place, ticket, self._clock.monotonic_s()):
                self._refuse(ticket)
        else:
            if self._state.woken(place, self._clock.monotonic_s()):
                self._answers[ticket.number].give(vm, AllocationSource.WARM)
        self._step()

    async def _destroy(self, place: Place) -> None:
        if place.vm_id is None:
            return
        try:
            await self._provider.release(place.vm_id)
        except Exception as error:  # noqa: BLE001 - whatever it is, it ends one action and not the pool
            _log.warning(
                "a VM of the pool is not released", vm=str(place.vm_id), error=str(error), exc_info=_bug(error)
            )
            self._state.not_ended(place, self._clock.monotonic_s())
            self._step()
        else:
            self._ended(place)

    async def _watch(self, place: Place, prepared: PreparedVm) -> None:
        reason = await prepared.wait_lost()
        if place.state is PlaceState.IDLE:
            _log.warning("an idle VM died", vm=str(prepared.id), reason=str(reason))
            self._observer(Happening.UNFIT, place.vm_type)
            self._state.lost(place, self._clock.monotonic_s())
            self._step()

    def _not_started(self, place: Place, error: Exception) -> None:
        _log.warning("restore failed", vm_type=place.vm_type.name, error=str(error), exc_info=_bug(error))
        self._observer(Happening.RESTORE_FAILED, place.vm_type)
        self._failures[place.vm_type] = error
        ticket = self._state.failed(place, self._clock.monotonic_s())
        if ticket is not None:
            self._answers[ticket.number].fail(error)
        self._step()

    def _ended(self, place: Place) -> None:
        self._prepared.pop(place, None)
        self._state.ended(place, self._clock.monotonic_s())
        self._step()

    def _refuse(self, ticket: Ticket) -> None:
        self._answers[ticket.number].fail(SessionRefused("the pool is being drained"))

    def _running_tasks(self) -> TaskGroup:
        if self._tasks is None:
            raise StateError("the pool was not entered")
        return self._tasks


def _bug(error: Exception) -> Exception | None:
    return None if isinstance(error, RunnerError | OSError) else error
