"""A command whose end is told to somebody."""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from terraphim_runner.ports.execution_sink import ExecutionReport

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Mapping
    from contextlib import AbstractAsyncContextManager

    from terraphim_runner.ports.clock import Clock
    from terraphim_runner.ports.execution_sink import ExecutionSink
    from terraphim_runner.ports.vm import Command, Execution, ExitStatus, Stream


class ExecutionReporter:
    """Tells a sink of the commands that are executed in one root."""

    def __init__(self, sink: ExecutionSink, clock: Clock, root: str) -> None:
        """Take the root's name."""
        self._sink = sink
        self._clock = clock
        self._root = root

    @asynccontextmanager
    async def reporting(
        self, command: Command, start: AbstractAsyncContextManager[Execution]
    ) -> AsyncIterator[Execution]:
        """Start `command` by `start`; report it once, when its status is known, at the latest on leaving."""
        started_at = self._clock.now()

        def report(status: ExitStatus | None, *, is_started: bool = True) -> None:
            ended_at, origin = self._clock.now(), command.origin
            self._sink.record(
                ExecutionReport(command.argv[0], origin, self._root, started_at, ended_at, is_started, status)
            )

        execution: ReportedExecution | None = None
        try:
            async with start as started:
                execution = ReportedExecution(started, report)
                yield execution
        finally:
            if execution is None:
                report(None, is_started=False)
            elif not execution.is_reported:
                report(None)


class ReportedExecution:
    """The port `Execution`, which reports the command's status as soon as somebody waits for it."""

    def __init__(self, execution: Execution, report: Callable[[ExitStatus], None]) -> None:
        """Pass everything on to `execution`."""
        self._execution = execution
        self._report = report
        self.is_reported = False

    def __aiter__(self) -> AsyncIterator[tuple[Stream, bytes]]:
        """Iterate over the output, by the other's own iterator: it costs nothing."""
        return self._execution.__aiter__()

    async def wait(self) -> ExitStatus:
        """Wait for the command to end."""
        status = await self._execution.wait()
        if not self.is_reported:
            self.is_reported = True
            self._report(status)
        return status

    async def read_back(self) -> Mapping[str, bytes]:
        """Give the files that the command was to leave."""
        return await self._execution.read_back()

    async def signal(self, number: int) -> None:
        """Send a signal to the whole process tree."""
        await self._execution.signal(number)

    async def write_stdin(self, data: bytes) -> None:
        """Write to standard input."""
        await self._execution.write_stdin(data)

    async def close_stdin(self) -> None:
        """Close standard input."""
        await self._execution.close_stdin()
