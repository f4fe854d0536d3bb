"""Run one command of a step: its output to the log, its command files to what they change. One round trip."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING

from terraphim_runner.domain.conclusion import Conclusion
from terraphim_runner.domain.errors import CommandNotStarted
from terraphim_runner.executor.beside import running_beside
from terraphim_runner.executor.command_files import CommandFiles
from terraphim_runner.executor.command_processor import CommandProcessor
from terraphim_runner.executor.output_reader import OutputReader
from terraphim_runner.executor.step_end import StepEnd
from terraphim_runner.ports.vm import Command

if TYPE_CHECKING:
    from collections.abc import Mapping

    from terraphim_runner.executor.turn import Turn
    from terraphim_runner.ports.vm import ExitStatus


@dataclass(frozen=True, slots=True)
class ProcessCall:
    """What a step runs."""

    argv: tuple[str, ...]
    cwd: str
    env: Mapping[str, str] = field(default_factory=dict)  # on top of what the step's scope gives
    files: Mapping[str, bytes] = field(default_factory=dict)  # written before it starts, absolute paths


class StepProcess:
    """One command of one step."""

    def __init__(self, turn: Turn) -> None:
        """Run in the turn's scope. The execution is left to the job's end, as GitHub leaves orphans."""
        self._turn = turn
        self._files = CommandFiles(turn)
        self._commands = CommandProcessor(turn)
        self._output = OutputReader(
            turn.log, self._commands, turn.scope.state.matchers, turn.scope.frame.run.masker
        )

    async def run(self, call: ProcessCall) -> StepEnd:
        """Run it to its end; what it wrote to its command files counts however it ended.

        Raises:
            MachineLost | GuestError: the VM failed, not the step.
        """
        try:
            status = await self._execute(self._command(call))
        except CommandNotStarted as error:
            return self._turn.failed(str(error))
        return self._end(status)

    def _command(self, call: ProcessCall) -> Command:
        return Command(
            argv=call.argv,
            env=self._turn.scope.variables() | dict(call.env),
            cwd=call.cwd,
            user="runner",
            files={**call.files, **dict.fromkeys(self._files.paths.values(), b"")},
            read_back=tuple(self._files.paths.values()),
            origin=self._turn.scope.origin,
        )

    async def _execute(self, command: Command) -> ExitStatus:
        scope = self._turn.scope
        execution = await scope.state.executions.enter_async_context(scope.frame.root.exec(command))
        stop = self._turn.stop
        async with running_beside() as beside:
            with stop.when_requested(partial(beside.start, partial(stop.guard, execution))):
                async for stream, data in execution:
                    await self._output.feed(stream, data)
                status = await execution.wait()
        await self._output.finish()
        await self._files.take(execution)
        return status

    def _end(self, status: ExitStatus) -> StepEnd:
        commands, files = self._commands.results, self._files.results
        commands.apply(self._turn.scope.environment)
        files.apply(self._turn.scope.environment)
        reason = None
        if not status.is_success and self._turn.stop.reason is None:
            reason = _exit_reason(status)
            self._turn.log.tell_error(reason)
        reason = reason or commands.fault or files.fault
        return StepEnd(
            outcome=Conclusion.FAILURE if reason else Conclusion.SUCCESS,
            exit_code=status.shell_code,
            reason=reason,
            outputs=commands.outputs | files.outputs,
            state=commands.state | files.state,
        )


def _exit_reason(status: ExitStatus) -> str:
    if status.signal is not None:
        return f"Process was killed by signal {status.signal} (exit code {status.shell_code})."
    return f"Process completed with exit code {status.code}."
