"""The problem matchers that a job's steps have added."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from terraphim_runner.executor.step_log import StepLog


class MatcherSet:
    """The matchers of one job."""

    def open(self) -> OpenMatchers:
        """Give what looks for problems in one stream of one process."""
        return OpenMatchers()

    async def add_file(self, path: str, log: StepLog) -> None:
        """Add the matchers in a file of the job's root."""

    async def remove(self, owner: str | None, path: str, log: StepLog) -> None:
        """Remove the matchers of an owner, or those in a file of the job's root."""


class OpenMatchers:
    """The matchers at work on one stream."""

    is_active = False

    def find(self, line: str, log: StepLog) -> bool:
        """Log the problem that a line tells of."""
        del line, log
        return False
