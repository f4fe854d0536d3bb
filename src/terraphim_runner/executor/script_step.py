"""Run one `run:` step: one command in the session, one round trip."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING

from terraphim_runner.domain.conclusion import Conclusion
from terraphim_runner.domain.errors import CommandNotStarted, FileTransferFailed
from terraphim_runner.executor.beside import running_beside
from terraphim_runner.executor.cancellation import StopReason, StopWatch
from terraphim_runner.executor.file_command import BLOCKED_ENV, FileCommandInvalid, parse_assignments, parse_path
from terraphim_runner.executor.github_context import COMMAND_FILES
from terraphim_runner.executor.shell import ShellInvalid, make_script
from terraphim_runner.ports.vm import Command, ExitStatus

if TYPE_CHECKING:
    from collections.abc import Mapping
    from contextlib import AsyncExitStack

    from terraphim_runner.executor.cancellation import Cancellation
    from terraphim_runner.executor.frame import JobFrame
    from terraphim_runner.executor.record import JobRecord
    from terraphim_runner.executor.step_log import StepLog


@dataclass(frozen=True, slots=True)
class StepEnd:
    """How the work of a step ended, before `continue-on-error`."""

    outcome: Conclusion
    exit_code: int | None = None
    reason: str | None = None
    outputs: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ScriptCall:
    """A script with everything evaluated."""

    run: str
    shell: str | None
    working_directory: str
    env: Mapping[str, str]
    timeout_s: float | None
    number: int


class ScriptStep:
    """One script in one job."""

    def __init__(self, frame: JobFrame, record: JobRecord, log: StepLog, executions: AsyncExitStack) -> None:
        """Run in `frame`, leaving what the script sets for later steps in `record`.

        The execution is left with `executions`, at the job's end: as on GitHub, a server that one step starts
        in the background is there for the next.
        """
        self._frame = frame
        self._executions = executions
        self._record = record
        self._log = log

    async def run(self, call: ScriptCall, cancellation: Cancellation) -> StepEnd:
        """Run the script to its end, which `cancellation` may bring about.

        Raises:
            MachineLost | GuestError: the VM failed, not the step.
        """
        try:
            command, files = self._command(call)
        except ShellInvalid as error:
            return self._failed(str(error))
        watch = StopWatch(self._frame.run.clock, cancellation, call.timeout_s)
        try:
            status, contents = await self._execute(command, watch)
        except (CommandNotStarted, FileTransferFailed) as error:
            return self._failed(str(error))
        outputs, fault = self._apply({name: contents.get(path, b"") for name, path in files.items()})
        return self._end(status, watch, outputs, fault)

    def _command(self, call: ScriptCall) -> tuple[Command, dict[str, str]]:
        temp = self._frame.place.temp
        script = make_script(call.run, shell=call.shell, stem=f"{temp}/step-{call.number}")
        files = {name: f"{temp}/_runner_file_commands/{name}_{call.number}" for name in COMMAND_FILES}
        environment = self._frame.step_environment(self._record, call.env)
        environment |= {variable: files[name] for name, variable in COMMAND_FILES.items()}
        command = Command(
            argv=script.argv,
            env=environment,
            cwd=call.working_directory,
            user="runner",
            files={script.path: script.text.encode(), **dict.fromkeys(files.values(), b"")},
            read_back=tuple(files.values()),
        )
        return command, files

    async def _execute(self, command: Command, watch: StopWatch) -> tuple[ExitStatus, Mapping[str, bytes]]:
        execution = await self._executions.enter_async_context(self._frame.root.exec(command))
        async with running_beside(partial(watch.guard, execution)):
            async for stream, data in execution:
                self._log.feed(stream, data)
            status = await execution.wait()
            contents = await execution.read_back()
        self._log.finish()
        return status, contents

    def _apply(self, files: Mapping[str, bytes]) -> tuple[dict[str, str], str | None]:
        """Take over what the script wrote; give its outputs and, if a file is wrong, the fault."""
        outputs = dict(self._log.results.outputs)
        self._log.summarize(_text(files["step_summary"]))
        try:
            environment = parse_assignments(_text(files["env"]))
            outputs |= parse_assignments(_text(files["output"]))
        except FileCommandInvalid as error:
            return outputs, f"Unable to process file command: {error}"
        for name in BLOCKED_ENV & environment.keys():
            del environment[name]
            self._log.say(f"##[error]Can't store {name} output parameter using '$GITHUB_ENV' command.")
        self._record.env |= environment
        for directory in parse_path(_text(files["path"])):
            self._record.path.insert(0, directory)
        return outputs, self._log.results.error

    def _end(self, status: ExitStatus, watch: StopWatch, outputs: dict[str, str], fault: str | None) -> StepEnd:
        code = status.shell_code
        match watch.reason:
            case StopReason.CANCELLED:
                self._log.say("##[error]The operation was canceled.")
                return StepEnd(Conclusion.CANCELLED, code, self._frame.cancellation.reason, outputs)
            case StopReason.TIMED_OUT:
                minutes = (watch.timeout_s or 0) / 60
                return self._failed(f"The step has timed out after {minutes:g} minutes.", code, outputs)
            case None:
                pass
        if not status.is_success:
            return self._failed(_exit_reason(status), code, outputs)
        if fault is not None:
            return self._failed(fault, code, outputs)
        return StepEnd(Conclusion.SUCCESS, code, None, outputs)

    def _failed(self, reason: str, code: int | None = None, outputs: dict[str, str] | None = None) -> StepEnd:
        self._log.say(f"##[error]{reason}")
        return StepEnd(Conclusion.FAILURE, code, reason, outputs or {})


def _exit_reason(status: ExitStatus) -> str:
    if status.signal is not None:
        return f"Process was killed by signal {status.signal} (exit code {status.shell_code})."
    return f"Process completed with exit code {status.code}."


def _text(data: bytes) -> str:
    return data.decode("utf-8", errors="replace")
