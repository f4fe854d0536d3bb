"""Concurrency groups within one process."""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import anyio

from terraphim_runner.domain.concurrency import find, holder, join, leave

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from terraphim_runner.domain.concurrency import Member, Members, Newcomer


class MemoryConcurrencyGroups:
    """`ConcurrencyGroups` that only those know who share the object."""

    def __init__(self) -> None:
        """Start with no group."""
        self._members: dict[str, Members] = {}
        self._changed = anyio.Event()

    @asynccontextmanager
    async def join(self, group: str, newcomer: Newcomer) -> AsyncIterator[MemoryPlace]:
        """Join a group; contract as `ConcurrencyGroups.join`."""
        name = group.casefold()
        self._set(name, join(self.members(name), newcomer))
        try:
            yield MemoryPlace(self, name, newcomer.id)
        finally:
            self._set(name, leave(self.members(name), frozenset({newcomer.id})))

    def members(self, name: str) -> Members:
        """Give who is in a group."""
        return self._members.get(name, ())

    async def wait_changed(self) -> None:
        """Wait until somebody joins or leaves some group."""
        await self._changed.wait()

    def _set(self, name: str, members: Members) -> None:
        self._members[name] = members
        self._changed.set()
        self._changed = anyio.Event()


class MemoryPlace:
    """A place in such a group."""

    def __init__(self, groups: MemoryConcurrencyGroups, name: str, member_id: str) -> None:
        """Stand for one member."""
        self._groups = groups
        self._name = name
        self._id = member_id

    def look(self) -> tuple[Member, Member | None]:
        """Give how the member stands now, and who holds the group."""
        members = self._groups.members(self._name)
        return find(members, self._id), holder(members)

    async def wait_changed(self) -> None:
        """Wait until somebody joins or leaves some group."""
        await self._groups.wait_changed()
