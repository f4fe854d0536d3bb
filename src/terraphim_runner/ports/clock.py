"""Time, as a port: nothing in the engine asks the machine directly."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from datetime import datetime


class Clock(Protocol):
    """Tell the time and wait for it."""

    def now(self) -> datetime:
        """Give the wall-clock time, in UTC and aware of it."""
        ...

    def monotonic_s(self) -> float:
        """Give seconds since some fixed moment; never goes back; only differences mean anything."""
        ...

    async def sleep_s(self, seconds: float) -> None:
        """Return `seconds` later; cancellable."""
        ...
