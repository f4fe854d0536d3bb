"""The life of a session, as one table.

    initializing -> active <-> executing -> completed | failed | cancelled -> terminating -> released

Everything that decides which change of state is legal is in this file; nothing here knows why a change
is wanted. An illegal change raises and changes nothing.
"""

from __future__ import annotations

from enum import Enum

from terraphim_runner.domain.errors import StateError


class SessionState(Enum):
    """Where a session is in its life."""

    INITIALIZING = "initializing"  # a slot is reserved; the VM is being allocated
    ACTIVE = "active"  # it has its VM; no command is running
    EXECUTING = "executing"  # at least one command is running; timeouts do not touch it
    COMPLETED = "completed"  # the run succeeded
    FAILED = "failed"  # the run failed, or the VM could not be had
    CANCELLED = "cancelled"  # somebody stopped it
    TERMINATING = "terminating"  # the VM is being released
    RELEASED = "released"  # the VM is gone; nothing leads out of here


_S = SessionState

TRANSITIONS: dict[SessionState, frozenset[SessionState]] = {
    _S.INITIALIZING: frozenset({_S.ACTIVE, _S.FAILED, _S.CANCELLED}),
    _S.ACTIVE: frozenset({_S.EXECUTING, _S.COMPLETED, _S.FAILED, _S.CANCELLED}),
    _S.EXECUTING: frozenset({_S.ACTIVE, _S.COMPLETED, _S.FAILED, _S.CANCELLED}),
    _S.COMPLETED: frozenset({_S.TERMINATING}),
    _S.FAILED: frozenset({_S.TERMINATING}),
    _S.CANCELLED: frozenset({_S.TERMINATING}),
    _S.TERMINATING: frozenset({_S.RELEASED}),
    _S.RELEASED: frozenset(),
}


def next_state(current: SessionState, target: SessionState) -> SessionState:
    """Return `target` if the table allows it.

    Raises:
        StateError: it does not; nothing has changed.
    """
    if target not in TRANSITIONS[current]:
        raise StateError(f"a session cannot go from {current.value} to {target.value}")
    return target
