"""The contract of `ports/ledger.py`, kept by every ledger."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest

from terraphim_runner.adapters.ledger_file import LedgerFile
from terraphim_runner.adapters.memory.ledger import MemoryLedger
from terraphim_runner.domain.ident import RunId, SessionId, VmId
from terraphim_runner.ports.ledger import LedgerEntry, LedgerEvent

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from terraphim_runner.ports.ledger import Ledger


@pytest.fixture(params=["file", "memory"])
def ledger(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Ledger]:
    """A ledger that is empty."""
    if request.param == "memory":
        yield MemoryLedger()
        return
    with LedgerFile(tmp_path / "state") as file_ledger:
        yield file_ledger


def _entry(ledger: Ledger, session: str = "s1", event: LedgerEvent = LedgerEvent.REQUESTED) -> LedgerEntry:
    return LedgerEntry(
        at=datetime(2026, 1, 2, 3, 4, 5, 678901, tzinfo=UTC),
        event=event,
        session_id=SessionId(session),
        run_id=RunId("r1"),
        provider="memory",
        owner=ledger.owner,
    )


def test_entries_come_back_whole_and_in_order(ledger: Ledger) -> None:
    """What was written is what is read, to the microsecond and the odd character."""
    written = [
        _entry(ledger),
        replace(_entry(ledger, event=LedgerEvent.ALLOCATED), vm_id=VmId(3, 7)),
        replace(_entry(ledger, event=LedgerEvent.RELEASE_FAILED), vm_id=VmId(3, 7), detail="no\nroom \udcff ü"),
        replace(_entry(ledger, event=LedgerEvent.RELEASED), vm_id=VmId(3, 7)),
    ]
    for entry in written:
        ledger.append(entry)

    assert list(ledger.entries()) == written


def test_an_empty_ledger_has_no_entries(ledger: Ledger) -> None:
    """A first start is no special case."""
    assert list(ledger.entries()) == []


def test_one_session_can_be_read_alone(ledger: Ledger) -> None:
    """Entries of others, before, between and after, are left out."""
    for session in ("s1", "s2", "s1", "s3", "s2"):
        ledger.append(_entry(ledger, session))

    assert [entry.session_id for entry in ledger.entries(SessionId("s2"))] == ["s2", "s2"]


def test_a_session_of_another_process_can_be_read_after_this_one_settled_it(ledger: Ledger) -> None:
    """The release that is written for a dead runner does not hide what the dead runner wrote."""
    ledger.append(replace(_entry(ledger, "dead", LedgerEvent.ALLOCATED), owner="dead-owner"))
    ledger.append(_entry(ledger, "dead", LedgerEvent.RELEASED))

    assert len(ledger.entries(SessionId("dead"))) == 2


def test_the_owner_of_this_process_is_alive(ledger: Ledger) -> None:
    """A runner never settles its own sessions as a dead runner's."""
    assert ledger.is_alive(ledger.owner)


def test_only_one_at_a_time_may_settle_what_dead_ones_left(ledger: Ledger) -> None:
    """The second is told so at once; when the first is done, the right is free again."""
    with ledger.reconciling() as first, ledger.reconciling() as second:
        answers = (first, second)
    with ledger.reconciling() as third:
        pass

    assert (*answers, third) == (True, False, True)
