"""What a VM of the pool goes through: the one table of legal transitions."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING

from terraphim_runner.domain.budget import Share
from terraphim_runner.domain.errors import StateError

if TYPE_CHECKING:
    from terraphim_runner.domain.ident import VmId
    from terraphim_runner.domain.vm_type import VmType


class PlaceState(Enum):
    """Where a place of the pool is in its life."""

    PREPARING = "preparing"  # a VM is being restored ahead of time
    RESTORING = "restoring"  # a VM is being restored for a request that waits
    IDLE = "idle"  # prepared, paused, nobody's
    WAKING = "waking"  # promised to a request, being activated
    HELD = "held"  # handed out
    ENDING = "ending"  # being destroyed
    GONE = "gone"  # nothing of it is left


_NEXT = {
    PlaceState.PREPARING: {PlaceState.IDLE, PlaceState.GONE},
    PlaceState.RESTORING: {PlaceState.HELD, PlaceState.ENDING, PlaceState.GONE},
    PlaceState.IDLE: {PlaceState.WAKING, PlaceState.ENDING},
    PlaceState.WAKING: {PlaceState.HELD, PlaceState.ENDING},
    PlaceState.HELD: {PlaceState.ENDING},
    PlaceState.ENDING: {PlaceState.GONE},
    PlaceState.GONE: set[PlaceState](),
}

STARTING = frozenset({PlaceState.PREPARING, PlaceState.RESTORING})


@dataclass(slots=True, eq=False)
class Place:
    """Room for one VM, from the decision to start it until nothing of it is left."""

    vm_type: VmType
    state: PlaceState
    since_s: float  # when it came into this state
    ticket: int | None = None  # the request it was started for, is promised to, or handed out to
    holder: str = ""
    vm_id: VmId | None = None
    ready_s: float = 0.0  # when its VM was ready, which is when it began to age
    is_paused: bool = False
    retry_s: float | None = None  # when to try again to destroy it; None: nobody of ours has to

    def change(self, state: PlaceState, now_s: float) -> None:
        """Go to `state`.

        Raises:
            StateError: the table forbids it; nothing has changed.
        """
        if state not in _NEXT[self.state]:
            raise StateError(f"a place that is {self.state.value} cannot become {state.value}")
        if state is not PlaceState.ENDING:
            self.is_paused = state is PlaceState.IDLE
        self.state = state
        self.since_s = now_s

    @property
    def need(self) -> Share:
        """What it takes of the host now: a paused VM has memory, and uses no processor."""
        cpus = 0 if self.is_paused else self.vm_type.cpus
        return Share(cpus, self.vm_type.memory_mib)
