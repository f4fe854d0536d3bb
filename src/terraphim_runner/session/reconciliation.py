"""What the ledger says is still owed, decided from its entries alone."""

from __future__ import annotations

from typing import TYPE_CHECKING

from terraphim_runner.ports.ledger import LedgerEvent

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from terraphim_runner.domain.ident import SessionId
    from terraphim_runner.ports.ledger import LedgerEntry

_SETTLED = frozenset({LedgerEvent.RELEASED, LedgerEvent.ALLOCATION_FAILED})


def owed_entries(
    entries: Iterable[LedgerEntry],
    *,
    provider: str,
    is_alive: Callable[[str], bool],
) -> list[LedgerEntry]:
    """Give the last entry of every unsettled session of `provider` whose owner is dead, oldest first."""
    last: dict[SessionId, LedgerEntry] = {}
    for entry in entries:
        if entry.provider == provider:
            last[entry.session_id] = entry
    return [entry for entry in last.values() if entry.event not in _SETTLED and not is_alive(entry.owner)]


def count_allocations(entries: Iterable[LedgerEntry]) -> int:
    """Count the VMs that were handed out."""
    return sum(entry.event is LedgerEvent.ALLOCATED for entry in entries)


def count_releases(entries: Iterable[LedgerEntry]) -> int:
    """Count the VMs that were given back."""
    return sum(entry.event is LedgerEvent.RELEASED for entry in entries)
