"""A step's output: from chunks to masked lines and workflow commands, in order, in bounded memory."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from terraphim_runner.domain.event import StepOutput, StepSummary
from terraphim_runner.executor.line import LineSplitter
from terraphim_runner.executor.workflow_command import WorkflowCommand, parse_workflow_command
from terraphim_runner.ports.vm import Stream

if TYPE_CHECKING:
    from terraphim_runner.executor.mask import Masker
    from terraphim_runner.ports.clock import Clock
    from terraphim_runner.ports.event_sink import EventSink

_SHOWN = frozenset({"group", "endgroup", "error", "warning", "notice", "debug"})
_DISABLED = {"set-env": "GITHUB_ENV", "add-path": "GITHUB_PATH"}


@dataclass(frozen=True, slots=True)
class StepPlace:
    """Which step a line belongs to."""

    job: str
    step: int


@dataclass(slots=True)
class CommandResults:
    """What workflow commands of a step asked for."""

    outputs: dict[str, str] = field(default_factory=dict)
    error: str | None = None  # a command that fails the step


class StepLog:
    """Feed it chunks; it emits the lines, and obeys and hides the workflow commands among them."""

    def __init__(self, place: StepPlace, sink: EventSink, clock: Clock, masker: Masker) -> None:
        """Log for one step."""
        self._place = place
        self._sink = sink
        self._clock = clock
        self._masker = masker
        self._splitters = {stream: LineSplitter() for stream in Stream}
        self._stop_token: str | None = None
        self.results = CommandResults()

    def feed(self, stream: Stream, data: bytes) -> None:
        """Take a chunk of a stream."""
        self._emit(self._splitters[stream].feed(data))

    def finish(self) -> None:
        """Take the last lines that lack their newline."""
        for splitter in self._splitters.values():
            self._emit(splitter.finish())

    def say(self, text: str) -> None:
        """Log a line of the runner's own."""
        self._send([self._masker.mask(line) for line in text.split("\n")])

    def summarize(self, text: str) -> None:
        """Tell what the step wrote to GITHUB_STEP_SUMMARY, if anything."""
        if text.strip():
            masked = "\n".join(self._masker.mask(line) for line in text.rstrip().split("\n"))
            self._sink.emit(StepSummary(self._clock.now(), self._place.job, self._place.step, masked))

    def _emit(self, lines: list[str]) -> None:
        shown = []
        for line in lines:
            text = self._obey(line) if "::" in line else line
            if text is not None:
                shown.append(self._masker.mask(text))
        self._send(shown)

    def _send(self, lines: list[str]) -> None:
        if lines:
            self._sink.emit(StepOutput(self._clock.now(), self._place.job, self._place.step, tuple(lines)))

    def _obey(self, line: str) -> str | None:
        command = parse_workflow_command(line)
        if command is None:
            return line
        if self._stop_token is not None:
            if command.name == self._stop_token.lower():
                self._stop_token = None
                return None
            return line
        return self._perform(command, line)

    def _perform(self, command: WorkflowCommand, line: str) -> str | None:
        if command.name in _SHOWN:
            return f"##[{command.name}]{command.data}"
        if command.name in _DISABLED:
            file = _DISABLED[command.name]
            self.results.error = f"The `{command.name}` command is disabled. Please write to {file} instead."
            return f"##[error]{self.results.error}"
        match command.name:
            case "add-mask":
                self._masker.add(command.data)
            case "set-output":
                self.results.outputs[command.properties.get("name", "")] = command.data
            case "stop-commands":
                self._stop_token = command.data
            case "echo" | "save-state" | "add-matcher" | "remove-matcher":
                pass
            case _:
                return line
        return None
