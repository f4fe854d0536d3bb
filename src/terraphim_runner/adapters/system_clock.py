"""The machine's own clock."""

from __future__ import annotations

import time
from datetime import UTC, datetime

import anyio


class SystemClock:
    """A `Clock` that tells real time."""

    def now(self) -> datetime:
        """Give the time of day, in UTC."""
        return datetime.now(UTC)

    def monotonic_s(self) -> float:
        """Give seconds since the machine's start."""
        return time.monotonic()

    async def sleep_s(self, seconds: float) -> None:
        """Wait; a duration of zero or less still lets other tasks run."""
        await anyio.sleep(max(seconds, 0))  # noqa: TID251  this is the place that the ban points to
