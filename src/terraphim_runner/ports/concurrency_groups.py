"""Groups of which one member runs at a time, among all runners of this machine."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from contextlib import AbstractAsyncContextManager

    from terraphim_runner.domain.concurrency import Member, Newcomer


class Place(Protocol):
    """A member's place in a group, while it is in it."""

    def look(self) -> tuple[Member, Member | None]:
        """Give how the member stands now, and who holds the group."""
        ...

    async def wait_changed(self) -> None:
        """Return when the group may have changed since the last look; look again."""
        ...


class ConcurrencyGroups(Protocol):
    """Keep who is in which group; `domain.concurrency` decides. Safe for concurrent use, among processes too."""

    def join(self, group: str, newcomer: Newcomer) -> AbstractAsyncContextManager[Place]:
        """Join a group, at once; leaving the context leaves it, and lets the next one run.

        A member whose process ended, however it did, has left. Names that differ in case only are one group.

        Raises:
            HostError: the groups cannot be kept on this machine.
        """
        ...
