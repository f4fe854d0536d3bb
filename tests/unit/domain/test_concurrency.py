"""Concurrency groups, as decisions."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from terraphim_runner.domain.concurrency import (
    MAX_WAITING,
    Members,
    Newcomer,
    Standing,
    find,
    holder,
    join,
    leave,
)
from terraphim_runner.domain.errors import StateError


def _standings(members: Members) -> dict[str, str]:
    return {each.id: each.standing.value for each in members}


def _joined(*newcomers: Newcomer) -> Members:
    members: Members = ()
    for newcomer in newcomers:
        members = join(members, newcomer)
    return members


def test_the_first_runs_and_the_next_waits() -> None:
    assert _standings(_joined(Newcomer("a", "A"), Newcomer("b", "B"))) == {"a": "running", "b": "waiting"}


def test_a_newcomer_takes_the_place_of_the_one_that_waits() -> None:
    members = _joined(Newcomer("a", "A"), Newcomer("b", "B"), Newcomer("c", "C"))

    assert _standings(members) == {"a": "running", "b": "replaced", "c": "waiting"}
    assert members[1].by == "C"


def test_one_that_queues_replaces_nobody() -> None:
    members = _joined(Newcomer("a", "A"), *(Newcomer(name, name, queues=True) for name in "bcd"))
    members = leave(members, frozenset({"a"}))

    assert _standings(members) == {"b": "running", "c": "waiting", "d": "waiting"}


def test_one_that_cancels_what_is_in_progress_waits_until_that_has_left() -> None:
    members = _joined(Newcomer("a", "A"), Newcomer("b", "B", cancel_in_progress=True))

    assert _standings(members) == {"a": "revoked", "b": "waiting"}
    assert members[0].by == "B"
    assert _standings(leave(members, frozenset({"a"}))) == {"b": "running"}


def test_too_many_that_queue_are_refused() -> None:
    queue = [Newcomer(str(number), "x", queues=True) for number in range(MAX_WAITING + 2)]
    members = _joined(*queue)

    assert [each.standing for each in members].count(Standing.REFUSED) == 1
    assert members[-1].standing is Standing.REFUSED


@given(st.lists(st.tuples(st.booleans(), st.booleans(), st.integers(0, 5))))
def test_at_most_one_runs_and_nobody_waits_for_nothing(moves: list[tuple[bool, bool, int]]) -> None:
    """Whoever comes and goes."""
    members: Members = ()
    for number, (cancels, queues, leaver) in enumerate(moves):
        members = join(members, Newcomer(str(number), "x", cancel_in_progress=cancels, queues=queues))
        if leaver < len(members):
            members = leave(members, frozenset({members[leaver].id}))
        active = [each for each in members if each.standing in {Standing.RUNNING, Standing.REVOKED}]
        waiting = [each for each in members if each.standing is Standing.WAITING]

        assert len(active) <= 1
        assert active or not waiting
        assert holder(members) == (active[0] if active else None)
        assert all(find(members, each.id) == each for each in members)


def test_one_that_has_left_is_not_found() -> None:
    """To ask where it stands is a mistake of ours."""
    with pytest.raises(StateError, match="has left"):
        find(leave(_joined(Newcomer("a", "A")), frozenset({"a"})), "a")
