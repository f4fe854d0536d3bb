"""What a step's log shows: masked lines and annotations, in order, in bounded memory."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from terraphim_runner.domain.event import Annotation, AnnotationLevel, StepOutput, StepSummary

if TYPE_CHECKING:
    from terraphim_runner.domain.event import SourcePlace
    from terraphim_runner.domain.ident import StepPlace
    from terraphim_runner.executor.mask import Masker
    from terraphim_runner.ports.clock import Clock
    from terraphim_runner.ports.event_sink import EventSink

# The official runner's limits (ExecutionContext): what is beyond them is in the log alone.
MAX_ANNOTATIONS = 10  # of each level, of one step
MAX_MESSAGE = 4096


class StepLog:
    """The log of one step of a job; the steps of a composite action write into that of the step that uses it."""

    def __init__(
        self, place: StepPlace, sink: EventSink, clock: Clock, masker: Masker, *, shows_debug: bool = False
    ) -> None:
        """Log for one step; debug messages are dropped unless `shows_debug`."""
        self.place = place
        self._sink = sink
        self._clock = clock
        self._masker = masker
        self._lines: list[str] = []
        self._annotations: Counter[AnnotationLevel] = Counter()
        self.shows_debug = shows_debug

    def put(self, line: str) -> None:
        """Take a line, to be sent with the next `flush`."""
        self._lines.append(self._masker.mask(line))

    def put_lines(self, lines: list[str], text: str) -> None:
        """Take lines; `text` is all of them in one: where it holds no secret, none of them does."""
        if self._masker.mask(text) == text:
            self._lines += lines
        else:
            self._lines += map(self._masker.mask, lines)

    def flush(self) -> None:
        """Send the lines taken so far."""
        if self._lines:
            lines, self._lines = tuple(self._lines), []
            self._sink.emit(StepOutput(self._clock.now(), self.place.job, self.place.step, lines))

    def say(self, text: str) -> None:
        """Log what the runner itself has to say."""
        for line in text.split("\n"):
            self.put(line)
        self.flush()

    def tell_debug(self, text: str) -> None:
        """Log what only those see who ask for it."""
        if self.shows_debug:
            for line in text.split("\n"):
                self.put(f"##[debug]{line}")
            self.flush()

    def tell_error(self, message: str) -> None:
        """Log an error, which is an annotation too."""
        self.annotate(AnnotationLevel.ERROR, message)

    def tell_warning(self, message: str) -> None:
        """Log a warning, which is an annotation too."""
        self.annotate(AnnotationLevel.WARNING, message)

    def annotate(
        self,
        level: AnnotationLevel,
        message: str,
        *,
        title: str | None = None,
        place: SourcePlace | None = None,
        line: str | None = None,
    ) -> None:
        """Log a message and send it as an annotation; `line` is what to log where that is not the message."""
        masked = self._masker.mask(message)[:MAX_MESSAGE]
        if shown := line or masked:
            self.say(f"##[{level.value}]{shown}")
        if self._annotations[level] < MAX_ANNOTATIONS:
            self._annotations[level] += 1
            mask = self._masker.mask
            self._sink.emit(
                Annotation(
                    at=self._clock.now(),
                    job=self.place.job,
                    step=self.place.step,
                    level=level,
                    message=masked,
                    title=None if title is None else mask(title),
                    place=place,
                )
            )

    def summarize(self, text: str) -> None:
        """Send what the step wrote to GITHUB_STEP_SUMMARY, if anything."""
        if text.strip():
            masked = "\n".join(self._masker.mask(line) for line in text.rstrip().split("\n"))
            self._sink.emit(StepSummary(self._clock.now(), self.place.job, self.place.step, masked))
