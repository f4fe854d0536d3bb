"""The session limit, as decisions."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from terraphim_runner.domain.budget import Budget, Share
from terraphim_runner.domain.errors import HostError, SessionRefused, StateError
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


_BUDGET = Budget(8.0, 8192.0)
_SHARES = st.builds(Share, st.integers(1, 8), st.integers(128, 8192))


def test_p4_a_share_is_reserved_with_the_place() -> None:
    admission = Admission(9, budget=_BUDGET)

    assert admission.request(_A, Share(5, 1024)) == 0
    assert admission.request(_B, Share(4, 1024)) == 1
    assert admission.leave(_A) == [_B]
    assert admission.statistics().promised == Share(4, 1024)


def test_nobody_overtakes_a_large_one() -> None:
    """Else small ones could keep it waiting for ever."""
    admission = Admission(9, budget=_BUDGET)
    admission.request(_A, Share(5, 1024))
    admission.request(_B, Share(8, 1024))

    assert admission.request(_C, Share(1, 128)) == 2
    assert admission.leave(_A) == [_B]
    assert admission.leave(_B) == [_C]


def test_who_gives_up_waiting_makes_room_for_those_behind() -> None:
    admission = Admission(9, budget=_BUDGET)
    admission.request(_A, Share(5, 1024))
    admission.request(_B, Share(8, 1024))
    admission.request(_C, Share(1, 128))

    assert admission.leave(_B) == [_C]


def test_what_can_never_fit_is_refused_at_once() -> None:
    admission = Admission(9, budget=_BUDGET)
    with pytest.raises(HostError, match=r"needs 9 CPUs of 8 that this machine may promise"):
        admission.request(_A, Share(9, 1024))

    assert admission.request(_A, Share(8, 8192)) == 0


def test_a_refusal_says_of_what_there_is_too_little() -> None:
    admission = Admission(9, WhenFull.REFUSE, _BUDGET)
    admission.request(_A, Share(5, 8000))
    with pytest.raises(SessionRefused, match=r"would need 8192 MiB|would need 8256 MiB of memory of 8192"):
        admission.request(_B, Share(1, 256))


@given(limit=st.integers(1, 4), moves=st.lists(st.tuples(st.booleans(), st.integers(0, 9), _SHARES), max_size=80))
def test_p4_the_budget_holds_and_the_first_in_the_queue_waits_only_for_want_of_room(
    limit: int, moves: list[tuple[bool, int, Share]]
) -> None:
    admission = Admission(limit, budget=_BUDGET)
    admitted: dict[SessionId, Share] = {}
    waiting: dict[SessionId, Share] = {}
    for wants_in, number, share in moves:
        session = SessionId(str(number))
        if wants_in and session not in admitted and session not in waiting:
            (waiting if admission.request(session, share) else admitted)[session] = share
        elif not wants_in:
            waiting.pop(session, None)
            admitted.pop(session, None)
            for following in admission.leave(session):
                assert following == next(iter(waiting))  # in the order of arrival
                admitted[following] = waiting.pop(following)
        promised = Share.total(admitted.values())
        assert admission.statistics().promised == promised
        assert _BUDGET.holds(promised)
        assert len(admitted) <= limit
        if waiting:
            assert len(admitted) == limit or not _BUDGET.holds(promised + next(iter(waiting.values())))
