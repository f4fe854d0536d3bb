"""For a person at a terminal: the log scrolls by, below it the tree of jobs and steps is kept up to date."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

from rich.text import Text

from terraphim_runner.cli.annotation_list import AnnotationList
from terraphim_runner.cli.live_block import block
from terraphim_runner.cli.live_row import Frame, conclusion_style, mark
from terraphim_runner.cli.live_summary import annotation_rows, summary
from terraphim_runner.cli.log_line import LineKind, parse_line
from terraphim_runner.cli.phrase import one_line, step_facts
from terraphim_runner.cli.run_view import RunView
from terraphim_runner.cli.terminal_text import clean
from terraphim_runner.domain import event as events
from terraphim_runner.domain.conclusion import Conclusion

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from datetime import datetime

    from rich.console import Console

    from terraphim_runner.cli.log_line import LogLine
    from terraphim_runner.cli.writer import Writer

_LONGEST_LINE = 4000  # what is longer fills screens and says nothing; the other outputs have it whole
_MARKS = {
    LineKind.OUTPUT: ("", ""),
    LineKind.GROUP: ("\u25be ", "bold"),
    LineKind.ERROR: ("Error: ", "red"),
    LineKind.WARNING: ("Warning: ", "yellow"),
    LineKind.NOTICE: ("Notice: ", "cyan"),
    LineKind.DEBUG: ("", "dim"),
    LineKind.COMMAND: ("$ ", "blue"),
}
_JOB_STYLES = ("cyan", "magenta", "blue", "yellow", "green", "bright_cyan", "bright_magenta", "bright_blue")
_BEGIN, _END = b"\x1b[?2026h", b"\x1b[?2026l"  # one picture at a time, where the terminal can
_HIDE_CURSOR, _SHOW_CURSOR = b"\x1b[?25l", b"\x1b[?25h"


class LivePainter:
    """The `Painter` of the tree."""

    def __init__(self, console: Console, now: Callable[[], datetime]) -> None:
        """Draw for `console`, which says how large it is and which colours it has."""
        self.view = RunView()
        self.lock = threading.Lock()  # of the view: events come from another thread
        self._console = console
        self._now = now
        self._widths: list[int] = []  # of the rows that are on the screen

    def paint(self, lines: bytes, *, is_last: bool) -> bytes:
        """Put lines above the tree."""
        erasure = self._erasure()
        below = _SHOW_CURSOR if is_last else self._drawing()
        return b"".join([_BEGIN, _HIDE_CURSOR, erasure, lines, below, _END])

    def _erasure(self) -> bytes:
        """Go up over the rows that were drawn, counted as the terminal folds them now, and erase downwards."""
        columns = max(self._console.size.width, 1)
        height = sum(max(-(-width // columns), 1) for width in self._widths)
        self._widths = []
        up = f"\x1b[{height}A".encode() if height else b""
        return b"\r" + up + b"\x1b[J"

    def _drawing(self) -> bytes:
        with self.lock:
            if not self.view.is_under_way:
                return b""
            size = self._console.size
            rows = block(self.view, Frame(self._now(), size.width, size.height))
        self._widths = [row.cell_len for row in rows]
        return as_ansi(self._console, rows).encode("utf-8", errors="replace")


class LiveRenderer:
    """An `EventSink` for a terminal."""

    def __init__(self, writer: Writer, painter: LivePainter, console: Console) -> None:
        """Write there; `painter` is the writer's."""
        self._writer = writer
        self._painter = painter
        self._console = console
        self._annotations = AnnotationList()
        self._styles: dict[str, tuple[str, str]] = {}
        self._prefixes: dict[str, str] = {}
        self._has_colours = console.color_system is not None and not console.no_color

    def emit(self, event: events.RunEvent) -> None:
        """Write the event's lines and let the tree know."""
        with self._painter.lock:
            self._painter.view.apply(event)
        match event:
            case events.StepOutput():
                prefix = self._prefix(event.job)
                self._writer.write("".join(self._output_lines(event, prefix)))
            case events.StepSummary():
                self._say_summary(event)
            case events.StepStarted():
                self._say(event.job, Text(f"\u25b8 {one_line(event.name)}", "bold"))
            case events.StepFinished():
                self._say_failure(event)
            case events.Notice():
                style = {"warning": "yellow", "error": "red"}.get(event.level, "dim")
                self._write([Text(f"{event.level}: {one_line(event.message)}", style)])
            case events.Annotation():
                self._annotations.add(event)  # its line is in the log
            case events.RunFinished():
                rows = summary(self._painter.view.workflow, event, self._console.size.width)
                self._write([*annotation_rows(self._annotations, event), *rows])
            case _:
                pass

    def _say(self, job: str, text: Text) -> None:
        self._writer.write(self._prefix(job) + self._ansi([text]))

    def _say_summary(self, event: events.StepSummary) -> None:
        self._say(event.job, Text("  \u2261 Summary", "bold"))
        for line in event.text.split("\n"):
            self._say(event.job, Text(f"    {clean(line, has_colours=False)}"))

    def _say_failure(self, event: events.StepFinished) -> None:
        if event.outcome in {Conclusion.FAILURE, Conclusion.CANCELLED}:
            text = mark(event.outcome).append(f" {one_line(event.name)}", conclusion_style(event.outcome))
            self._say(event.job, text.append(f"  {step_facts(event)}", "dim"))

    def _output_lines(self, event: events.StepOutput, prefix: str) -> Iterator[str]:
        for line in map(parse_line, event.lines):
            if line is not None:
                yield from (f"{prefix}  {shown}\n" for shown in self._shown(line))

    def _shown(self, line: LogLine) -> Iterator[str]:
        sign, style = _MARKS[line.kind]
        for part in line.text.split("\n"):
            if len(part) > _LONGEST_LINE:
                part = f"{part[:_LONGEST_LINE]} \u2026 and {len(part) - _LONGEST_LINE} characters more"  # noqa: PLW2901
            if style:
                before, after = self._codes(style)
                yield f"{before}{sign}{clean(part, has_colours=False)}{after}"
            else:
                yield clean(part, has_colours=self._has_colours)

    def _codes(self, style: str) -> tuple[str, str]:
        """Give what switches a style on and off, looked up once: a log may have millions of lines."""
        if style not in self._styles:
            before, _, after = self._ansi([Text("x", style)]).rstrip("\n").partition("x")
            self._styles[style] = (before, after)
        return self._styles[style]

    def _prefix(self, job: str) -> str:
        """Tell jobs apart by name and colour, where there are several."""
        if len(self._painter.view.jobs) < 2:
            return ""
        if job not in self._prefixes:
            self._prefixes[job] = self._ansi([self._label(job)]).rstrip("\n")
        return self._prefixes[job]

    def _label(self, job: str) -> Text:
        jobs = list(self._painter.view.jobs)
        width = min(max(len(one_line(name)) for name in jobs), 24, max(self._console.size.width // 4, 8))
        name = Text(one_line(job), _JOB_STYLES[jobs.index(job) % len(_JOB_STYLES)])
        name.truncate(width, overflow="ellipsis", pad=True)
        return name.append(" \u2502 ", "dim")

    def _write(self, rows: Sequence[Text]) -> None:
        self._writer.write(self._ansi(rows))

    def _ansi(self, rows: Sequence[Text]) -> str:
        return as_ansi(self._console, rows)


def as_ansi(console: Console, rows: Sequence[Text]) -> str:
    """Turn rows into what the terminal is sent, a line each, whatever the width."""
    with console.capture() as capture:
        for row in rows:
            console.print(row, soft_wrap=True, highlight=False)
    return capture.get()
