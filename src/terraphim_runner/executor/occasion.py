"""Something that happens at most once, for many to wait for and hardly ever to come: waiting must cost nothing."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

import anyio
import anyio.lowlevel

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


class Occasion:
    """An event that calls as well as wakes: a call that is registered needs no task until the event comes.

    A step registers some, and nearly every step ends without any of them: a task for each was most of what the
    engine itself took of the processor.
    """

    __slots__ = ("_calls", "_event", "has_come")

    def __init__(self) -> None:
        """Start before it."""
        self.has_come = False
        self._event: anyio.Event | None = None  # made for the first who waits
        self._calls: dict[object, Callable[[], object]] = {}

    def come(self) -> None:
        """Happen: wake who waits, call who asked for it, in the order in which they did; may be repeated."""
        if self.has_come:
            return
        self.has_come = True
        if self._event is not None:
            self._event.set()
        for call in tuple(self._calls.values()):
            call()

    async def wait(self) -> None:
        """Wait for it."""
        if self.has_come:
            await anyio.lowlevel.checkpoint()
            return
        if self._event is None:
            self._event = anyio.Event()
        await self._event.wait()

    @contextmanager
    def calling(self, call: Callable[[], object]) -> Iterator[None]:
        """Have `call` called when it comes, now if it has, but not after the block.

        Whoever lets it come makes the call, in the middle of something else: so the call must not raise, and must
        not do more than note something, cancel a scope, or start a task.
        """
        if self.has_come:
            call()
            yield
            return
        key = object()
        self._calls[key] = call
        try:
            yield
        finally:
            del self._calls[key]
