"""Which renderer a run gets."""

from __future__ import annotations

import os
import sys
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import Enum
from typing import TYPE_CHECKING, BinaryIO

from terraphim_runner.cli.render_json import JsonRenderer
from terraphim_runner.cli.render_plain import PlainRenderer
from terraphim_runner.cli.writer import Writer
from terraphim_runner.domain.event import RunFinished

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from terraphim_runner.domain.event import RunEvent
    from terraphim_runner.ports.event_sink import EventSink


class OutputFormat(Enum):
    """What the user asked for."""

    AUTO = "auto"
    PLAIN = "plain"
    JSON = "json"


@dataclass(slots=True)
class Output:
    """An `EventSink` on standard output."""

    writer: Writer
    renderer: EventSink
    on_broken: Callable[[], None] | None = None  # told, perhaps several times, when nobody reads any more
    has_told_result: bool = False  # ... to a person

    def emit(self, event: RunEvent) -> None:
        """Render one event."""
        self.renderer.emit(event)
        if isinstance(event, RunFinished) and not isinstance(self.renderer, JsonRenderer):
            self.has_told_result = True
        if self.writer.is_broken and self.on_broken is not None:
            self.on_broken()


@contextmanager
def open_output(wanted: OutputFormat) -> Iterator[Output]:
    """Start writing; everything is written, and the terminal is as it was, when the context ends."""
    output = _make_output(wanted, sys.stdout.buffer, os.environ, is_terminal=sys.stdout.isatty())
    try:
        yield output
    finally:
        output.writer.close()


@contextmanager
def open_messages() -> Iterator[Output]:
    """Show events on standard error, for a command whose output is something else."""
    writer = Writer(sys.stderr.buffer)
    try:
        yield Output(writer, PlainRenderer(writer))
    finally:
        writer.close()


def _make_output(
    wanted: OutputFormat, stream: BinaryIO, environ: Mapping[str, str], *, is_terminal: bool
) -> Output:
    if wanted is OutputFormat.JSON:
        writer = Writer(stream)
        return Output(writer, JsonRenderer(writer))
    is_live = wanted is OutputFormat.AUTO and is_terminal and environ.get("TERM", "dumb") != "dumb"
    if is_live:
        return _make_live(stream)
    writer = Writer(stream)
    return Output(writer, PlainRenderer(writer, has_colours=is_terminal and not environ.get("NO_COLOR")))


def _make_live(stream: BinaryIO) -> Output:
    from rich.console import Console  # noqa: PLC0415  # pipes need none of it

    from terraphim_runner.cli.render_live import LivePainter, LiveRenderer  # noqa: PLC0415

    console = Console()
    painter = LivePainter(console, lambda: datetime.now(UTC))
    writer = Writer(stream, painter)
    return Output(writer, LiveRenderer(writer, painter, console))
