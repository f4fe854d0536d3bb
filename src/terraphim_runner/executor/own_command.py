"""Commands that the engine executes for itself: what they print is for its errors, not for a log."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from terraphim_runner.ports.vm import Command, ExitStatus, Root


async def execute(root: Root, command: Command) -> tuple[ExitStatus, str]:
    """Execute a command to its end; give how it ended and what it printed.

    Raises:
        CommandNotStarted | MachineLost | GuestError: as `Root.exec`.
    """
    output = bytearray()
    async with root.exec(command) as execution:
        async for _, data in execution:
            output += data
        return await execution.wait(), output.decode(errors="replace")
