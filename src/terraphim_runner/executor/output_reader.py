"""The output of one process: from chunks to lines, commands and problems, in bounded memory."""

from __future__ import annotations

from typing import TYPE_CHECKING

import anyio.lowlevel

from terraphim_runner.executor.line import LineSplitter
from terraphim_runner.executor.workflow_command import may_be_command
from terraphim_runner.ports.vm import Stream

if TYPE_CHECKING:
    from terraphim_runner.executor.command_processor import CommandProcessor
    from terraphim_runner.executor.line import Cutter
    from terraphim_runner.executor.matcher_set import MatcherSet, OpenMatchers
    from terraphim_runner.executor.step_log import StepLog

_RUNNERS_OWN = ("start-action", "end-action")


class OutputReader:
    """Feed it chunks; lines go to the log, and commands among them are obeyed and hidden."""

    def __init__(self, log: StepLog, commands: CommandProcessor, matchers: MatcherSet, cutter: Cutter) -> None:
        """Read for one process; `cutter` says where a line that is too long may be cut in two."""
        self._log = log
        self._commands = commands
        self._matchers = {stream: matchers.open() for stream in Stream}
        self._splitters = {stream: LineSplitter(cutter) for stream in Stream}

    async def feed(self, stream: Stream, data: bytes) -> None:
        """Take a chunk of a stream."""
        await self._take(stream, self._splitters[stream].feed(data))

    async def finish(self) -> None:
        """Take the last lines that lack their newline."""
        for stream, splitter in self._splitters.items():
            await self._take(stream, splitter.finish())

    async def _take(self, stream: Stream, lines: list[str]) -> None:
        text = " ".join(lines)  # most output has nothing to look at: that is told faster of all of it at once
        if self._matchers[stream].is_active or may_be_command(text):
            await self._look_at(lines, self._matchers[stream])
        else:
            self._log.put_lines(lines, text)
        self._log.flush()

    async def _look_at(self, lines: list[str], matchers: OpenMatchers) -> None:
        for line in lines:
            if matchers.is_active:  # each may take a second for a line: others have their turn in between
                await anyio.lowlevel.checkpoint()
            if may_be_command(line):
                if await self._commands.obey(line):
                    continue
                line = _disarmed(line)  # noqa: PLW2901
            if matchers.is_active and matchers.find(line, self._log):
                continue
            self._log.put(line)


def _disarmed(line: str) -> str:
    """Take from output what only the runner may say: where an action begins and ends."""
    for mark in _RUNNERS_OWN:
        line = line.replace(f"##[{mark}", f"##[\\{mark}")
    return line
