"""Everything a pool knows, and what changes it.

No method waits and none does I/O: what one call changes is seen by the next, whatever tasks there are in between.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from terraphim_runner.domain.budget import Share
from terraphim_runner.domain.errors import HostError, SessionRefused, StateError, UsageError
from terraphim_runner.pool.backoff import Backoff
from terraphim_runner.pool.limits import Reuse
from terraphim_runner.pool.place import STARTING, Place, PlaceState
from terraphim_runner.ports.vm import SlotWish

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from terraphim_runner.domain.ident import VmId
    from terraphim_runner.domain.vm_type import VmType
    from terraphim_runner.pool.limits import PoolLimits


@dataclass(frozen=True, slots=True)
class Ticket:
    """A request that waits."""

    number: int  # in order of arrival
    vm_type: VmType
    holder: str
    since_s: float


class PoolState:
    """The places of the pool, who waits, and what failed."""

    def __init__(self, limits: PoolLimits) -> None:
        """Start empty."""
        self.limits = limits
        self.places: list[Place] = []
        self.waiting: dict[int, Ticket] = {}  # in order of arrival
        self.min_idle = dict(limits.min_idle)
        self.is_draining = False
        self.short_since_s: dict[VmType, float] = {}  # types with fewer idle VMs than there should be
        self.last_slot = 0  # the slot that was handed out last
        self._vacant: list[int] = []  # slots of released VMs, the latest last
        self._retired: set[int] = set()
        self._backoffs: dict[VmType, Backoff] = {}
        self._last_ticket = 0

    # ------------------------------------------------------------ questions
    def having(self, *states: PlaceState, vm_type: VmType | None = None) -> list[Place]:
        """List the places in one of these states, of this type or of all."""
        return [p for p in self.places if p.state in states and (vm_type is None or p.vm_type == vm_type)]

    def used(self) -> Share:
        """Tell what all VMs together take of the host."""
        return Share.total(place.need for place in self.places)

    def backoff(self, vm_type: VmType) -> Backoff:
        """Tell how restores of this type fare."""
        limits = self.limits
        return self._backoffs.setdefault(vm_type, Backoff(limits.first_backoff_s, limits.longest_backoff_s))

    def held(self, vm_id: VmId) -> Place | None:
        """Find the place of a VM."""
        return next((place for place in self.places if place.vm_id == vm_id), None)

    def is_expired(self, place: Place, now_s: float) -> bool:
        """Tell whether an idle VM is too old to be handed out."""
        return now_s >= self._expiry_s(place)

    def due_times_s(self) -> Iterator[float]:
        """Give the moments at which something is to be decided though nothing happens."""
        for place in self.places:
            if place.state is PlaceState.IDLE:
                yield self._expiry_s(place)
            elif place.retry_s is not None:
                yield place.retry_s
        yield from (since_s + self.limits.refill_delay_s for since_s in self.short_since_s.values())
        yield from (self.backoff(vm_type).until_s for vm_type, count in self.min_idle.items() if count)

    # ------------------------------------------------------------ requests
    def ask(self, vm_type: VmType, holder: str, now_s: float) -> Ticket:
        """Put a request at the end of the queue.

        Raises:
            SessionRefused: the pool is being drained.
            HostError: not even an empty host has room for such a VM.
        """
        if self.is_draining:
            raise SessionRefused("the pool is being drained", hint="terraphim-runner pool warm opens it again")
        if (shortage := self.limits.budget.shortage(Share.of(vm_type))) is not None:
            raise HostError(
                f"a VM of type '{vm_type.name}' needs more than this machine's budget: {shortage}",
                hint="choose a smaller VM type, or raise cpu_overcommit or memory_overcommit",
            )
        self._last_ticket += 1
        ticket = self.waiting[self._last_ticket] = Ticket(self._last_ticket, vm_type, holder, now_s)
        return ticket

    def withdraw(self, ticket: int, now_s: float) -> None:
        """Forget a request, whatever has become of it; a VM that it got already is to be destroyed."""
        self.waiting.pop(ticket, None)
        for place in self.having(PlaceState.WAKING, PlaceState.HELD):
            if place.ticket == ticket:
                self._end(place, now_s)

    def promise(self, place: Place, ticket: Ticket, now_s: float) -> None:
        """Give an idle VM to a request: from this moment it is nobody else's."""
        place.change(PlaceState.WAKING, now_s)
        self._assign(place, ticket)

    # ------------------------------------------------------------ what became of actions
    def start(self, vm_type: VmType, state: PlaceState, ticket: int | None, now_s: float) -> Place:
        """Take a place for a VM that is to be restored."""
        place = Place(vm_type, state, now_s, ticket)
        self.places.append(place)
        return place

    def wish(self) -> SlotWish:
        """Say which slot the next VM should have; what to avoid is looked up when the slot is taken, not now."""
        return SlotWish(self._vacant.pop() if self._vacant else None, self._retired)

    def started(self, place: Place, vm_id: VmId, now_s: float) -> Ticket | None:
        """Learn that a VM is there; one that was restored for a request goes to whoever has waited longest.

        Where nobody waits for it any more it is to be destroyed.
        """
        place.vm_id = vm_id
        place.ready_s = now_s
        self.backoff(place.vm_type).succeed()
        if place.state is PlaceState.PREPARING:
            place.change(PlaceState.IDLE, now_s)
            return None
        oldest = next((t for t in self.waiting.values() if t.vm_type == place.vm_type), None)
        if oldest is None:
            self._end(place, now_s)
            return None
        place.change(PlaceState.HELD, now_s)
        self._assign(place, oldest)
        return oldest

    def failed(self, place: Place, now_s: float) -> Ticket | None:
        """Learn that a VM could not be restored; give the request that is to be told, if it still waits."""
        self.backoff(place.vm_type).fail(now_s)
        self._remove(place, now_s)
        return None if place.ticket is None else self.waiting.pop(place.ticket, None)

    def woken(self, place: Place, now_s: float) -> bool:
        """Learn that a promised VM answers; false: the request was withdrawn, and the VM is ending already."""
        if place.state is not PlaceState.WAKING:
            return False
        place.change(PlaceState.HELD, now_s)
        return True

    def lost(self, place: Place, now_s: float) -> None:
        """Learn that an idle VM is of no use any more."""
        if place.state is PlaceState.IDLE:
            self._end(place, now_s)

    def not_woken(self, place: Place, ticket: Ticket, now_s: float) -> bool:
        """Learn that a promised VM does not answer: its request waits again, where it was in the queue.

        False: it does not, as the pool is being drained; it is to be told. A withdrawn one is forgotten.
        """
        if place.state is not PlaceState.WAKING:
            return True
        self._end(place, now_s)
        if self.is_draining:
            return False
        self.waiting = dict(sorted((self.waiting | {ticket.number: ticket}).items()))
        return True

    def release(self, place: Place, now_s: float) -> None:
        """Begin to end a VM that was handed out; its holder sees to it. May be called again."""
        if place.state is not PlaceState.ENDING:
            place.change(PlaceState.ENDING, now_s)
            place.retry_s = None

    def discard(self, place: Place, now_s: float) -> None:
        """Decide that an idle VM is to be destroyed."""
        self._end(place, now_s)

    def ended(self, place: Place, now_s: float) -> None:
        """Learn that nothing of a VM is left."""
        if place.state is PlaceState.ENDING:
            self._remove(place, now_s)
            if place.vm_id is not None and self.limits.reuse is Reuse.RESET:
                self._vacant.append(place.vm_id.slot)

    def not_ended(self, place: Place, now_s: float) -> None:
        """Learn that a VM could not be destroyed; it still counts, and is tried again."""
        place.retry_s = now_s + self.limits.longest_backoff_s

    def drain(self) -> list[Ticket]:
        """Keep no idle VM and take no request; give the requests that are to be told."""
        self.is_draining = True
        refused, self.waiting = list(self.waiting.values()), {}
        return refused

    def warm(self, vm_type: VmType, count: int) -> None:
        """Take requests again, and keep `count` VMs of a type idle from now on; failures so far do not count.

        Raises:
            UsageError: that is more than until now, and there can never be room for all; nothing has changed.
        """
        wanted = self.min_idle | {vm_type: count}
        if count > self.min_idle.get(vm_type, 0) and (excess := self._excess(wanted)):
            hint = "ask for fewer, or raise pool.max_total, cpu_overcommit or memory_overcommit"
            raise UsageError(f"there is no room for all VMs that are to be idle: {excess}", hint=hint)
        self.is_draining = False
        self.min_idle = wanted
        self.backoff(vm_type).succeed()

    def _excess(self, min_idle: Mapping[VmType, int]) -> str | None:
        total = sum(min_idle.values())
        if total > self.limits.max_total:
            return f"{total} VMs of at most {self.limits.max_total}"
        cpus = max(
            (vm_type.cpus for vm_type, count in min_idle.items() if count), default=0
        )  # idle, they use none
        memory_mib = sum(vm_type.memory_mib * count for vm_type, count in min_idle.items())
        return self.limits.budget.shortage(Share(cpus, memory_mib))

    def _expiry_s(self, place: Place) -> float:
        return place.ready_s + self.limits.max_age_s

    def _assign(self, place: Place, ticket: Ticket) -> None:
        if self.waiting.pop(ticket.number, None) is None or place.vm_id is None:
            raise StateError(f"request {ticket.number} does not wait")
        place.ticket, place.holder = ticket.number, ticket.holder
        self.last_slot = place.vm_id.slot
        if self.limits.reuse is Reuse.NEVER:
            self._retired.add(place.vm_id.slot)

    def _end(self, place: Place, now_s: float) -> None:
        place.change(PlaceState.ENDING, now_s)
        place.retry_s = now_s

    def _remove(self, place: Place, now_s: float) -> None:
        place.change(PlaceState.GONE, now_s)
        self.places.remove(place)


def starting(state: PoolState) -> int:
    """Count the VMs that are being restored."""
    return len(state.having(*STARTING))
