"""The session limit, as decisions."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from terraphim_runner.domain.errors import SessionRefused, StateError
from terraphim_runner.domain.ident import SessionId
from terraphim_runner.session.admission import Admission, WhenFull

_A, _B, _C, _D = (SessionId(name) for name in "abcd")


def test_admits_up_to_the_limit_and_queues_the_rest_in_order() -> None:
    admission = Admission(2)

    assert [admission.request(session) for session in (_A, _B, _C, _D)] == [0, 0, 1, 2]


def test_a_freed_place_goes_to_the_longest_waiting() -> None:
    admission = Admission(1)
    for session in (_A, _B, _C):
        admission.request(session)

    assert admission.leave(_A) == [_B]
    assert admission.leave(_B) == [_C]
    assert admission.leave(_C) == []


def test_who_gives_up_waiting_is_not_admitted_later() -> None:
    admission = Admission(1)
    for session in (_A, _B, _C):
        admission.request(session)
    admission.leave(_B)

    assert admission.leave(_A) == [_C]


def test_leaving_twice_frees_one_place_only() -> None:
    admission = Admission(1)
    for session in (_A, _B, _C):
        admission.request(session)
    admission.leave(_A)

    assert admission.leave(_A) == []


def test_refuses_when_the_setting_says_so_and_reserves_nothing() -> None:
    admission = Admission(1, WhenFull.REFUSE)
    admission.request(_A)
    with pytest.raises(SessionRefused):
        admission.request(_B)

    assert admission.leave(_A) == []
    assert admission.request(_B) == 0


def test_a_session_cannot_ask_twice() -> None:
    admission = Admission(2)
    admission.request(_A)
    with pytest.raises(StateError):
        admission.request(_A)


def test_a_limit_below_one_is_no_limit() -> None:
    with pytest.raises(ValueError, match="at least 1"):
        Admission(0)


@given(
    limit=st.integers(1, 4),
    moves=st.lists(st.tuples(st.booleans(), st.integers(0, 9)), max_size=80),
)
def test_p4_never_more_than_the_limit_and_never_a_free_place_while_somebody_waits(
    limit: int, moves: list[tuple[bool, int]]
) -> None:
    admission = Admission(limit)
    known: set[SessionId] = set()
    for wants_in, number in moves:
        session = SessionId(str(number))
        if wants_in and session not in known:
            known.add(session)
            admission.request(session)
        elif not wants_in:
            known.discard(session)
            admission.leave(session)
        counts = admission.statistics()
        assert counts.admitted <= limit
        assert counts.admitted == limit or counts.waiting == 0
        assert counts.admitted + counts.waiting == len(known)
