"""Who may have a session now, who waits, who is refused: the limit, decided without any await.

Reserving a slot and counting it are one synchronous step, so no interleaving of tasks can pass the limit.
The shell (`SessionManager`) only carries out what is decided here.
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING

from terraphim_runner.domain.errors import SessionRefused, StateError

if TYPE_CHECKING:
    from terraphim_runner.domain.ident import SessionId


class WhenFull(Enum):
    """What happens to a request that finds the limit reached."""

    WAIT = "wait"
    REFUSE = "refuse"


@dataclass(frozen=True, slots=True)
class AdmissionStatistics:
    """The counts at one instant."""

    limit: int
    admitted: int
    waiting: int


class Admission:
    """Hand out at most `limit` places, first come first served."""

    def __init__(self, limit: int, when_full: WhenFull = WhenFull.WAIT) -> None:
        """Start empty; `limit` is at least 1."""
        if limit < 1:
            raise ValueError(f"the session limit must be at least 1, not {limit}")
        self._limit = limit
        self._when_full = when_full
        self._admitted: set[SessionId] = set()
        self._waiting: OrderedDict[SessionId, None] = OrderedDict()

    def request(self, session_id: SessionId) -> int:
        """Reserve a place: 0 means admitted, n that it is the n-th in the queue.

        Raises:
            SessionRefused: the limit is reached and the setting says refuse; nothing is reserved.
            StateError: this session asked before.
        """
        if session_id in self._admitted or session_id in self._waiting:
            raise StateError(f"session {session_id} asked for a place twice")
        if len(self._admitted) < self._limit and not self._waiting:
            self._admitted.add(session_id)
            return 0
        if self._when_full is WhenFull.REFUSE:
            raise SessionRefused(
                f"all {self._limit} sessions are in use",
                hint="Try again later, raise max_concurrent_sessions, or set when_full = 'wait'.",
            )
        self._waiting[session_id] = None
        return len(self._waiting)

    def leave(self, session_id: SessionId) -> list[SessionId]:
        """Give a place or a place in the queue back; return those admitted by it. Idempotent."""
        self._waiting.pop(session_id, None)
        self._admitted.discard(session_id)
        admitted = []
        while self._waiting and len(self._admitted) < self._limit:
            following, _ = self._waiting.popitem(last=False)
            self._admitted.add(following)
            admitted.append(following)
        return admitted

    def statistics(self) -> AdmissionStatistics:
        """Count."""
        return AdmissionStatistics(self._limit, len(self._admitted), len(self._waiting))
