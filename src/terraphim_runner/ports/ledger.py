"""The append-only record of allocations and releases."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Sequence
    from contextlib import AbstractContextManager
    from datetime import datetime

    from terraphim_runner.domain.ident import RunId, SessionId, VmId


class LedgerEvent(Enum):
    """What happened to a session's VM."""

    REQUESTED = "requested"  # written before the provider is asked, so that a crash in between shows
    ALLOCATED = "allocated"
    ALLOCATION_FAILED = "allocation-failed"
    RELEASED = "released"
    RELEASE_FAILED = "release-failed"  # to be retried; the session still holds its VM


@dataclass(frozen=True, slots=True)
class LedgerEntry:
    """One line of the ledger."""

    at: datetime
    event: LedgerEvent
    session_id: SessionId
    run_id: RunId
    provider: str
    owner: str  # which runner process; `Ledger.is_alive` tells whether it still lives
    vm_id: VmId | None = None  # known from ALLOCATED on
    detail: str | None = None


class Ledger(Protocol):
    """Keep what happened, durably, in order. Nothing is ever changed or removed. Many processes may append."""

    @property
    def owner(self) -> str:
        """Who this process is, unique for ever; alive until this process ends, however it ends."""
        ...

    def append(self, entry: LedgerEntry) -> None:
        """Write one entry; when this returns, a crash of this process or machine does not lose it.

        Raises:
            HostDiskFull: there is no room; nothing was written.
        """
        ...

    def entries(self, session_id: SessionId | None = None) -> Sequence[LedgerEntry]:
        """Read every entry in order, or those of one session of this process; a torn last line is no entry."""
        ...

    def reconciling(self) -> AbstractContextManager[bool]:
        """Claim the right to settle what dead processes left; false where another living process has it now.

        Without it two runners starting at once would both record the same release.
        """
        ...

    def is_alive(self, owner: str) -> bool:
        """Tell whether the process of that name still lives."""
        ...
