"""Who may have a session now, who waits, who is refused: limit and budget, decided without any await.

Reserving a place and counting it are one synchronous step, so no interleaving of tasks can pass the limit, nor
the machine's budget of CPUs and memory, which is reserved in the same step. Nobody overtakes: a small VM waits
behind a large one, which therefore gets its turn.
The shell (`SessionManager`) only carries out what is decided here.
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING

from terraphim_runner.domain.budget import UNLIMITED, Budget, Share
from terraphim_runner.domain.errors import HostError, SessionRefused, StateError

if TYPE_CHECKING:
    from terraphim_runner.domain.ident import SessionId

_NOTHING = Share()


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
    promised: Share = _NOTHING  # to those admitted


class Admission:
    """Hand out at most `limit` places within `budget`, first come first served."""

    def __init__(self, limit: int, when_full: WhenFull = WhenFull.WAIT, budget: Budget = UNLIMITED) -> None:
        """Start empty; `limit` is at least 1."""
        if limit < 1:
            raise ValueError(f"the session limit must be at least 1, not {limit}")
        self._limit = limit
        self._when_full = when_full
        self._budget = budget
        self._admitted: dict[SessionId, Share] = {}
        self._waiting: OrderedDict[SessionId, Share] = OrderedDict()

    def request(self, session_id: SessionId, share: Share = _NOTHING) -> int:
        """Reserve a place and a share: 0 means admitted, n that it is the n-th in the queue.

        Raises:
            HostError: the share is more than the whole budget; nothing is reserved.
            SessionRefused: there is no room now and the setting says refuse; nothing is reserved.
            StateError: this session asked before.
        """
        if session_id in self._admitted or session_id in self._waiting:
            raise StateError(f"session {session_id} asked for a place twice")
        if shortage := self._budget.shortage(share):
            hint = "Choose a smaller VM type, or raise cpu_overcommit or memory_overcommit."
            raise HostError(f"the VM needs {shortage} that this machine may promise", hint=hint)
        if not self._waiting and self._has_room(share):
            self._admitted[session_id] = share
            return 0
        if self._when_full is WhenFull.REFUSE:
            raise SessionRefused(
                self._fullness(share),
                hint="Try again later, raise max_concurrent_sessions or an overcommit, or set when_full = 'wait'.",
            )
        self._waiting[session_id] = share
        return len(self._waiting)

    def leave(self, session_id: SessionId) -> list[SessionId]:
        """Give a place or a place in the queue back; return those admitted by it. Idempotent."""
        self._waiting.pop(session_id, None)
        self._admitted.pop(session_id, None)
        admitted = []
        while self._waiting and self._has_room(next(iter(self._waiting.values()))):
            following, share = self._waiting.popitem(last=False)
            self._admitted[following] = share
            admitted.append(following)
        return admitted

    def statistics(self) -> AdmissionStatistics:
        """Count."""
        return AdmissionStatistics(self._limit, len(self._admitted), len(self._waiting), self._promised())

    def _has_room(self, share: Share) -> bool:
        return len(self._admitted) < self._limit and self._budget.holds(self._promised() + share)

    def _promised(self) -> Share:
        return Share.total(self._admitted.values())

    def _fullness(self, share: Share) -> str:
        shortage = self._budget.shortage(self._promised() + share)
        if len(self._admitted) < self._limit and shortage:
            return f"the running VMs and this one would need {shortage} that this machine may promise"
        return f"all {self._limit} sessions are in use"
