"""A pool at one instant, for people and for metrics."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

from terraphim_runner.pool.place import PlaceState

if TYPE_CHECKING:
    from collections.abc import Mapping

    from terraphim_runner.domain.budget import Budget, Share
    from terraphim_runner.pool.state import PoolState


@dataclass(frozen=True, slots=True)
class PlaceStatus:
    """One VM of the pool."""

    vm_id: str | None  # none yet while it is being restored
    vm_type: str
    state: str
    age_s: float  # of the VM, since it was ready; 0 before
    state_age_s: float
    holder: str  # the run that has it, or will


@dataclass(frozen=True, slots=True, kw_only=True)
class PoolStatus:
    """The pool at one instant."""

    places: tuple[PlaceStatus, ...]
    waiting: Mapping[str, int]  # requests by VM type
    min_idle: Mapping[str, int]
    max_total: int
    used: Share
    budget: Budget
    strategy: str
    reuse: str
    is_draining: bool
    is_settled: bool  # every idle minimum is reached, and nothing is being started or ended


def status_of(state: PoolState, now_s: float) -> PoolStatus:
    """Describe the pool."""
    limits = state.limits
    return PoolStatus(
        places=tuple(
            PlaceStatus(
                vm_id=None if place.vm_id is None else str(place.vm_id),
                vm_type=place.vm_type.name,
                state=place.state.value,
                age_s=0.0 if place.vm_id is None else now_s - place.ready_s,
                state_age_s=now_s - place.since_s,
                holder=place.holder,
            )
            for place in sorted(state.places, key=lambda place: (place.vm_id is None, place.vm_id))
        ),
        waiting=Counter(ticket.vm_type.name for ticket in state.waiting.values()),
        min_idle={vm_type.name: count for vm_type, count in state.min_idle.items()},
        max_total=limits.max_total,
        used=state.used(),
        budget=limits.budget,
        strategy=limits.strategy.value,
        reuse=limits.reuse.value,
        is_draining=state.is_draining,
        is_settled=_is_settled(state),
    )


def _is_settled(state: PoolState) -> bool:
    if state.having(PlaceState.PREPARING, PlaceState.RESTORING, PlaceState.WAKING, PlaceState.ENDING):
        return False
    if state.is_draining:
        return not state.having(PlaceState.IDLE)
    return all(
        len(state.having(PlaceState.IDLE, vm_type=vm_type)) >= count for vm_type, count in state.min_idle.items()
    )
