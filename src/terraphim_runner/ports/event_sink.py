"""Where a run's events go."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from terraphim_runner.domain.event import RunEvent


class EventSink(Protocol):
    """Take a run's events, in order, as they happen. Must not block for long and must not raise."""

    def emit(self, event: RunEvent) -> None:
        """Take one event."""
        ...
