"""What a pool does next, decided without any await.

`plan` is called after everything that happens. Each decision changes the state in the same step, so that the next
call, and everybody else, sees it: a VM that was promised is idle no more, a restore that was ordered counts.

1. An idle VM that is too old is destroyed; all of them are while the pool is being drained.
2. Requests, oldest first:
   a. an idle VM of the type is there: it is promised;
   b. a VM that is being started will do: the request waits for it, and no other is started for its sake;
   c. there is room: a VM is restored for it;
   d. else idle VMs of other types make room, and what this request needs is kept free of all younger ones.
3. What is missing to the idle minimum is prepared, in the room that is left, unless restores fail just now.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, assert_never

from terraphim_runner.domain.budget import Share
from terraphim_runner.pool.limits import Strategy
from terraphim_runner.pool.place import STARTING, PlaceState
from terraphim_runner.pool.state import starting

if TYPE_CHECKING:
    from terraphim_runner.domain.vm_type import VmType
    from terraphim_runner.pool.place import Place
    from terraphim_runner.pool.state import PoolState, Ticket
    from terraphim_runner.ports.vm import SlotWish


@dataclass(frozen=True, slots=True)
class Prepare:
    """Have a VM ready for whoever comes."""

    place: Place
    wish: SlotWish


@dataclass(frozen=True, slots=True)
class Restore:
    """Restore a VM for the requests that wait."""

    place: Place
    wish: SlotWish


@dataclass(frozen=True, slots=True)
class Wake:
    """Activate a VM for the request it was promised to."""

    place: Place
    ticket: Ticket


@dataclass(frozen=True, slots=True)
class Destroy:
    """Destroy a VM that nobody has."""

    place: Place


Action = Prepare | Restore | Wake | Destroy


def plan(state: PoolState, now_s: float) -> list[Action]:
    """Decide, and record in `state` what was decided; every action given must be carried out."""
    return _Planner(state, now_s).decide()


def next_due_s(state: PoolState, now_s: float) -> float | None:
    """Tell when to plan again though nothing happens before."""
    return min((due_s for due_s in state.due_times_s() if due_s > now_s), default=None)


class _Planner:
    """One call of `plan`."""

    def __init__(self, state: PoolState, now_s: float) -> None:
        self._state = state
        self._now_s = now_s
        self._actions: list[Action] = []
        self._kept = Share()  # for requests that wait for room: nobody younger gets it
        self._kept_places = 0

    def decide(self) -> list[Action]:
        for place in self._state.having(PlaceState.IDLE):
            if self._state.is_draining or self._state.is_expired(place, self._now_s):
                self._state.discard(place, self._now_s)
        supply = Counter(place.vm_type for place in self._state.having(*STARTING))
        for ticket in list(self._state.waiting.values()):
            self._serve(ticket, supply)
        if not self._state.is_draining:
            for vm_type, count in self._state.min_idle.items():
                self._refill(vm_type, count, supply[vm_type])
        self._destroy_due()
        return self._actions

    def _serve(self, ticket: Ticket, supply: Counter[VmType]) -> None:
        idle = self._state.having(PlaceState.IDLE, vm_type=ticket.vm_type)
        need = Share.of(ticket.vm_type)
        if idle and self._has_cpus(need):
            place = choose(idle, self._state.limits.strategy, self._state.last_slot)
            self._state.promise(place, ticket, self._now_s)
            self._actions.append(Wake(place, ticket))
        elif idle:
            self._kept += Share(cpus=need.cpus)  # its VM is there; it waits for processors
        elif supply[ticket.vm_type]:
            supply[ticket.vm_type] -= 1
        elif self._has_room(need):
            place = self._state.start(ticket.vm_type, PlaceState.RESTORING, ticket.number, self._now_s)
            self._actions.append(Restore(place, self._state.wish()))
        else:
            self._make_room(need)
            self._kept += need
            self._kept_places += 1

    def _refill(self, vm_type: VmType, count: int, on_the_way: int) -> None:
        missing = count - len(self._state.having(PlaceState.IDLE, vm_type=vm_type)) - on_the_way
        if missing <= 0:
            self._state.short_since_s.pop(vm_type, None)
            return
        since_s = self._state.short_since_s.setdefault(vm_type, self._now_s)
        is_due = self._now_s >= since_s + self._state.limits.refill_delay_s
        is_failing = not self._state.backoff(vm_type).is_over(self._now_s)
        while missing > 0 and is_due and not is_failing and self._has_room(Share.of(vm_type)):
            place = self._state.start(vm_type, PlaceState.PREPARING, None, self._now_s)
            self._actions.append(Prepare(place, self._state.wish()))
            missing -= 1

    def _has_cpus(self, need: Share) -> bool:
        return (self._state.used() + self._kept).cpus + need.cpus <= self._state.limits.budget.cpus

    def _has_room(self, need: Share) -> bool:
        limits = self._state.limits
        return (
            starting(self._state) < limits.max_starting
            and len(self._state.places) + self._kept_places < limits.max_total
            and limits.budget.holds(self._state.used() + self._kept + need)
        )

    def _make_room(self, need: Share) -> None:
        """Destroy idle VMs, oldest first, until the request fits once all that is ending is gone."""
        idle = sorted(self._state.having(PlaceState.IDLE), key=lambda place: place.ready_s)
        while idle and not self._fits_soon(need):
            self._state.discard(idle.pop(0), self._now_s)

    def _fits_soon(self, need: Share) -> bool:
        limits = self._state.limits
        staying = [place for place in self._state.places if place.state is not PlaceState.ENDING]
        memory_mib = sum(place.need.memory_mib for place in staying) + self._kept.memory_mib + need.memory_mib
        # Idle VMs use no processor, so that ending them would free none.
        return len(staying) + self._kept_places < limits.max_total and memory_mib <= limits.budget.memory_mib

    def _destroy_due(self) -> None:
        for place in self._state.having(PlaceState.ENDING):
            if place.retry_s is not None and place.retry_s <= self._now_s:
                place.retry_s = None  # under way
                self._actions.append(Destroy(place))


def choose(idle: list[Place], strategy: Strategy, last_slot: int) -> Place:
    """Choose which of several idle VMs is handed out."""
    match strategy:
        case Strategy.LRU:
            return min(idle, key=lambda place: place.since_s)
        case Strategy.MRU:
            return max(idle, key=lambda place: place.since_s)
        case Strategy.ROUND_ROBIN:
            return min(idle, key=lambda place: _turn(place, last_slot))
        case _:
            assert_never(strategy)


def _turn(place: Place, last_slot: int) -> tuple[bool, int]:
    slot = 0 if place.vm_id is None else place.vm_id.slot
    return slot <= last_slot, slot
