"""The table of session states."""

from __future__ import annotations

import pytest

from terraphim_runner.domain.errors import StateError
from terraphim_runner.domain.state import TRANSITIONS, SessionState, next_state


def test_every_state_has_a_row() -> None:
    assert set(SessionState) == set(TRANSITIONS)


@pytest.mark.parametrize("current", SessionState)
@pytest.mark.parametrize("target", SessionState)
def test_a_change_is_made_if_and_only_if_the_table_has_it(current: SessionState, target: SessionState) -> None:
    if target in TRANSITIONS[current]:
        assert next_state(current, target) is target
    else:
        with pytest.raises(StateError, match=f"from {current.value} to {target.value}"):
            next_state(current, target)


def test_released_is_the_only_end_and_reached_from_everywhere() -> None:
    ends = {state for state, targets in TRANSITIONS.items() if not targets}
    reached = {SessionState.RELEASED}
    while more := {s for s, targets in TRANSITIONS.items() if targets & reached} - reached:
        reached |= more

    assert ends == {SessionState.RELEASED}
    assert reached == set(SessionState)
