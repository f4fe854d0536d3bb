"""Commands that the engine executes for itself: what they print is for its errors, not for a log."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from terraphim_runner.ports.vm import Stream

if TYPE_CHECKING:
    from terraphim_runner.ports.vm import Command, ExitStatus, Root

_MOST = 64 * 1024  # bytes kept of each stream: a job that has put a program of its own there may print for ever


@dataclass(frozen=True, slots=True)
class Answer:
    """How a command ended, and the beginning of what it printed."""

    status: ExitStatus
    printed: dict[Stream, bytearray] = field(repr=False)

    @property
    def output(self) -> str:
        """Give what it printed to standard output."""
        return self.printed[Stream.STDOUT].decode(errors="replace").strip()

    @property
    def complaint(self) -> str:
        """Give what it printed to standard error."""
        return self.printed[Stream.STDERR].decode(errors="replace").strip()


async def execute(root: Root, command: Command) -> Answer:
    """Execute a command to its end.

    Raises:
        CommandNotStarted | MachineLost | GuestError: as `Root.exec`.
    """
    printed = {stream: bytearray() for stream in Stream}
    async with root.exec(command) as execution:
        async for stream, data in execution:
            printed[stream] += data[: _MOST - len(printed[stream])]
        return Answer(await execution.wait(), printed)
