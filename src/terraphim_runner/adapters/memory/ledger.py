"""A ledger in memory."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from terraphim_runner.domain.ident import SessionId
    from terraphim_runner.ports.ledger import LedgerEntry


class MemoryLedger:
    """A `Ledger` that lives as long as the object; `dead_owners` plays the runners that crashed."""

    def __init__(self, owner: str = "this-process") -> None:
        """Start empty."""
        self._owner = owner
        self._entries: list[LedgerEntry] = []
        self._is_reconciling = False
        self.dead_owners: set[str] = set()

    @property
    def owner(self) -> str:
        """Who this process is."""
        return self._owner

    def append(self, entry: LedgerEntry) -> None:
        """Keep one entry."""
        self._entries.append(entry)

    def entries(self, session_id: SessionId | None = None) -> Sequence[LedgerEntry]:
        """Give every entry, or those of one session."""
        return [entry for entry in self._entries if session_id is None or entry.session_id == session_id]

    @contextmanager
    def reconciling(self) -> Iterator[bool]:
        """Claim the right to settle."""
        is_ours = not self._is_reconciling
        self._is_reconciling = True
        try:
            yield is_ours
        finally:
            if is_ours:
                self._is_reconciling = False

    def is_alive(self, owner: str) -> bool:
        """Tell whether a test declared the owner dead."""
        return owner not in self.dead_owners
