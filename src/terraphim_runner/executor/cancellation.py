"""Being asked to stop."""

from __future__ import annotations

from typing import TYPE_CHECKING

from terraphim_runner.executor.occasion import Occasion

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractContextManager

RUN_CANCELLED = "the run was cancelled"


class Cancellation:
    """A request to stop a run, or one job of it, in good order: steps with `always()` and the clean-up still run.

    Its time for that is limited: after it, `insist` ends what still runs, and no step begins any more.
    """

    def __init__(self) -> None:
        """Start unrequested."""
        self.reason = RUN_CANCELLED
        self._requested = Occasion()
        self._insisted = Occasion()

    def request(self, reason: str = RUN_CANCELLED) -> None:
        """Ask; may be repeated, the first reason stays."""
        if not self._requested.has_come:
            self.reason = reason
            self._requested.come()

    def insist(self) -> None:
        """Be out of patience; may be repeated."""
        self._insisted.come()

    @property
    def is_requested(self) -> bool:
        """Whether somebody asked."""
        return self._requested.has_come

    @property
    def is_insisted(self) -> bool:
        """Whether the time to end in good order is over."""
        return self._insisted.has_come

    async def wait_requested(self) -> None:
        """Wait until somebody asks."""
        await self._requested.wait()

    def when_requested(self, call: Callable[[], object]) -> AbstractContextManager[None]:
        """Have `call` called when somebody asks, as by `Occasion.calling`."""
        return self._requested.calling(call)

    def when_insisted(self, call: Callable[[], object]) -> AbstractContextManager[None]:
        """Have `call` called when the time to end in good order is over, as by `Occasion.calling`."""
        return self._insisted.calling(call)
