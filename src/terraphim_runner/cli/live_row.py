"""One row of the tree: a mark, a name, a time at the right."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from rich.text import Text

from terraphim_runner.cli.duration import duration_text
from terraphim_runner.cli.phrase import one_line
from terraphim_runner.domain.conclusion import Conclusion

if TYPE_CHECKING:
    from datetime import datetime

    from terraphim_runner.cli.run_view import JobView, StepView

MAX_WIDTH = 88
_MARKS = {
    Conclusion.SUCCESS: ("\u2713", "green"),
    Conclusion.FAILURE: ("\u2717", "bold red"),
    Conclusion.CANCELLED: ("\u25a0", "yellow"),
    Conclusion.SKIPPED: ("\u2013", "dim"),
}
_SPINNER = "\u280b\u2819\u2839\u2838\u283c\u2834\u2826\u2827\u2807\u280f"
_SPINNER_INTERVAL_S = 0.1
_WAITING = ("\u25cb", "dim")


@dataclass(frozen=True, slots=True)
class Frame:
    """The moment of a drawing and the room there is for it."""

    now: datetime
    width: int
    height: int

    @property
    def spinner(self) -> str:
        """Give the picture of this moment."""
        return _SPINNER[int(self.now.timestamp() / _SPINNER_INTERVAL_S) % len(_SPINNER)]


def mark(conclusion: Conclusion) -> Text:
    """Give the sign of an ending."""
    sign, style = _MARKS[conclusion]
    return Text(sign, style)


def conclusion_style(conclusion: Conclusion) -> str:
    """Give the style of an ending."""
    return _MARKS[conclusion][1]


def progress_row(item: JobView | StepView, frame: Frame, *, indent: int) -> Text:
    """Draw a job or step as it is now."""
    if item.conclusion is not None:
        time = "" if item.conclusion is Conclusion.SKIPPED else duration_text(item.duration_s)
        style = "dim" if item.conclusion in {Conclusion.SUCCESS, Conclusion.SKIPPED} and indent > 2 else ""
        return row(mark(item.conclusion), Text(one_line(item.name), style), time, frame.width, indent)
    if item.started_at is not None:
        time = duration_text(max((frame.now - item.started_at).total_seconds(), 0))
        name = Text(one_line(item.name), "bold")
        return row(Text(frame.spinner, "cyan"), name, time, frame.width, indent)
    return row(Text(*_WAITING), Text(one_line(item.name), "dim"), "", frame.width, indent)


def row(sign: Text, name: Text, time: str, width: int, indent: int) -> Text:
    """Lay out one row; a name that is too long is cut, the time never is."""
    room = min(width - 1, MAX_WIDTH)
    left = Text(" " * indent).append_text(sign).append(" ").append_text(name)
    left.truncate(max(room - len(time) - 2, 4), overflow="ellipsis")
    if not time:
        return left
    left.pad_right(max(room - left.cell_len - len(time), 1))
    return left.append(time, "dim")
