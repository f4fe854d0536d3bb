"""Concurrency groups, as a decision: who of a group runs, who waits, who gives way.

At most one member of a group runs. GitHub's rules for a newcomer: what waits is replaced by it, unless it
is content to queue behind (`queue: max`); with `cancel-in-progress` what runs has to end as well.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import Enum

from terraphim_runner.domain.errors import StateError

MAX_WAITING = 100  # GitHub's, with `queue: max`


class Standing(Enum):
    """Where a member of a group is."""

    WAITING = "waiting"
    RUNNING = "running"
    REPLACED = "replaced"  # was waiting, and will never run
    REVOKED = "revoked"  # runs, and is to end as soon as it can
    REFUSED = "refused"  # came when too many were waiting


@dataclass(frozen=True, slots=True)
class Newcomer:
    """Who wants to join a group: `id` is unique, `label` is for people."""

    id: str
    label: str
    cancel_in_progress: bool = False
    queues: bool = False  # `queue: max`


@dataclass(frozen=True, slots=True)
class Member:
    """Who is in a group; `by` is the label of the newcomer that it has to make room for."""

    id: str
    label: str
    standing: Standing
    by: str | None = None


Members = tuple[Member, ...]  # in the order in which they came


def join(members: Members, newcomer: Newcomer) -> Members:
    """Let somebody in; those that give way to it stay listed until they leave."""
    waiting = [each for each in members if each.standing is Standing.WAITING]
    if newcomer.queues and len(waiting) >= MAX_WAITING:
        return (*members, Member(newcomer.id, newcomer.label, Standing.REFUSED))
    others = tuple(_making_room(each, newcomer) for each in members)
    return _promote((*others, Member(newcomer.id, newcomer.label, Standing.WAITING)))


def leave(members: Members, ids: frozenset[str]) -> Members:
    """Let some go; the first that waits takes the place."""
    return _promote(tuple(each for each in members if each.id not in ids))


def find(members: Members, member_id: str) -> Member:
    """Give a member.

    Raises:
        StateError: it has left the group.
    """
    for each in members:
        if each.id == member_id:
            return each
    raise StateError("this member has left the group")


def holder(members: Members) -> Member | None:
    """Give the member that the others wait for."""
    return next((each for each in members if each.standing in {Standing.RUNNING, Standing.REVOKED}), None)


def _making_room(member: Member, newcomer: Newcomer) -> Member:
    if member.standing is Standing.WAITING and not newcomer.queues:
        return replace(member, standing=Standing.REPLACED, by=newcomer.label)
    if member.standing is Standing.RUNNING and newcomer.cancel_in_progress:
        return replace(member, standing=Standing.REVOKED, by=newcomer.label)
    return member


def _promote(members: Members) -> Members:
    if holder(members) is not None:
        return members
    first = next((each for each in members if each.standing is Standing.WAITING), None)
    return tuple(replace(each, standing=Standing.RUNNING) if each is first else each for each in members)
