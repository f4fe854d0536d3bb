"""The tree and the log at a terminal, drawn on a recorded console."""

from __future__ import annotations

import io
import re
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest
from rich.console import Console

from terraphim_runner.cli.live_block import block
from terraphim_runner.cli.live_row import Frame
from terraphim_runner.cli.render_live import LivePainter, LiveRenderer
from terraphim_runner.cli.run_view import RunView
from terraphim_runner.cli.writer import Writer
from terraphim_runner.domain import event as events
from terraphim_runner.domain.conclusion import Conclusion
from terraphim_runner.domain.ident import RunId

if TYPE_CHECKING:
    from collections.abc import Sequence

_NOW = datetime(2026, 1, 2, 3, 4, 9, tzinfo=UTC)
_SGR = re.compile(r"\x1b\[[0-9;]*m")


def _console(width: int = 60, height: int = 30, *, has_colours: bool = True) -> Console:
    return Console(
        file=io.StringIO(),
        width=width,
        height=height,
        force_terminal=True,
        color_system="standard" if has_colours else None,
        legacy_windows=False,
        _environ={},
    )


def _render(story: Sequence[events.RunEvent], console: Console) -> str:
    output = io.BytesIO()
    painter = LivePainter(console, lambda: _NOW)
    writer = Writer(output, painter)
    renderer = LiveRenderer(writer, painter, console)
    for event in story:
        renderer.emit(event)
    writer.close()
    return output.getvalue().decode()


def _screen(text: str) -> list[str]:
    """Give the text as lines without colours, as it is when nothing was drawn over it."""
    text = re.sub(r"\x1b\[\?[0-9]+[hl]|\r|\x1b\[J|\x1b\[[0-9]+A", "", text)
    return [line.rstrip() for line in _SGR.sub("", text).split("\n")]


def _view(story: Sequence[events.RunEvent], count: int) -> RunView:
    view = RunView()
    for event in story[:count]:
        view.apply(event)
    return view


def test_what_remains_is_the_log_and_the_summary_with_the_evidence(story: list[events.RunEvent]) -> None:
    """Jobs are told apart by name; failures stand out; what steps print steers nothing."""
    assert _screen(_render(story, _console()))[-35:] == [
        "warning: the submodule vendor is left empty",
        "test (3.12) \u2502 \u25b8 Check out",
        "test (3.12) \u2502 \u25b8 Run tests",
        "test (3.12) \u2502   \u25be Collect",
        "test (3.12) \u2502   collected 3 items",
        "test (3.12) \u2502   100%",
        "test (3.12) \u2502   Error: 1 failed",
        "test (3.12) \u2502   Error: see above",
        "test (3.12) \u2502   F\u00fc\ufffd",
        "test (3.12) \u2502   \u2261 Summary",
        "test (3.12) \u2502     # Tests",
        "test (3.12) \u2502     1 failed",
        "test (3.12) \u2502 \u2717 Run tests  exit code 1, 1m 05s",
        "",
        "  error  tests/test_sum.py:12: Test failed: expected 2",
        "\u2500" * 59,
        "  \u2717 test (3.12)                                      1m 06s",
        "    \u2713 Check out                                        0.4s",
        "    \u2717 Run tests  exit code 1                         1m 05s",
        "    \u2013 Upload  success() is false",
        "    \u2717 Report  exit code 3, failure tolerated           0.1s",
        "  \u2013 Package  a job that it needs did not succeed",
        "",
        "  VM      vm-1.g3 of type default, restored by qemu in",
        "          0.06s, in a slot used before and reset",
        "  used    1m 01s of CPU, 851 MB of memory at most, 12.3 MB",
        "          written, network 80.1 kB in, 999 B out",
        "  ledger  1 allocation, 1 release, 4 commands executed in",
        "          this VM",
        "",
        "  \u2717 CI failure in 1m 07s",
        "    the VM was slow",
        "    try again",
        "",
        "",
    ]


def test_the_tree_shows_what_runs_what_is_done_and_what_waits(story: list[events.RunEvent]) -> None:
    """Times of what runs are up to now."""
    rows = block(_view(story, 10), Frame(_NOW, 60, 40))

    assert [row.plain.rstrip() for row in rows] == [
        "\u2500" * 59,
        "  \u280b test (3.12)                                        2.2s",
        "    \u2713 Check out                                        0.4s",
        "    \u280b Run tests                                        1.4s",
        "    \u25cb Upload",
        "  \u25cb Package it  after test",
        "",
        "  CI \u00b7 push \u00b7 vm-1.g3 restored in 0.06s \u00b7 3.8s",
    ]


@pytest.mark.parametrize(
    ("count", "expected"), [(1, "getting a virtual machine"), (2, "deploy, held by run 7"), (3, "2 in the queue")]
)
def test_a_run_without_a_vm_says_what_it_waits_for(
    story: list[events.RunEvent], count: int, expected: str
) -> None:
    """Silence would look like a hang."""
    assert expected in block(_view(story, count), Frame(_NOW, 100, 40))[-1].plain


def test_legs_that_are_planned_late_stand_behind_what_they_needed(story: list[events.RunEvent]) -> None:
    """And behind each other, in their order."""
    view = _view(story, 1)
    for key in ("more (1)", "more (2)"):
        view.apply(events.JobPlanned(_NOW, events.PlannedJob(key, "more", key, ("test",), ())))

    assert list(view.jobs) == ["test (3.12)", "more (1)", "more (2)", "package"]


def test_a_job_that_waits_for_a_concurrency_group_says_so(story: list[events.RunEvent]) -> None:
    """Its row names the group and who holds it, until it begins."""
    rows = block(_view(story, 6), Frame(_NOW, 100, 40))

    assert "  \u25cb test (3.12)  waits for the concurrency group deploy , held by run 7, job a" in rows[1].plain


@pytest.mark.parametrize("height", [5, 10, 24, 50])
@pytest.mark.parametrize("width", [1, 20, 80, 300])
def test_the_tree_leaves_room_for_the_log_however_many_jobs_there_are(height: int, width: int) -> None:
    """At most half of the screen and three rows more, never wider than the screen."""
    steps = tuple(events.PlannedStep(number, f"step {number}") for number in range(1, 20))
    jobs = tuple(events.PlannedJob(f"job {number}", "job", f"job {number}", (), steps) for number in range(100))
    view = RunView()
    view.apply(events.RunStarted(_NOW, RunId("r"), "CI", "ci.yml", "push", jobs))
    for number in range(0, 100, 3):
        view.apply(events.JobStarted(_NOW, f"job {number}"))
        view.apply(events.StepStarted(_NOW, f"job {number}", 1, "step 1"))

    rows = block(view, Frame(_NOW + timedelta(seconds=1), width, height))

    assert len(rows) <= max(height // 2, 4)
    assert all(row.cell_len <= max(width - 1, 1) for row in rows)


def test_the_tree_is_erased_before_anything_else_is_written(story: list[events.RunEvent]) -> None:
    """As many rows up as were drawn; more where the terminal became narrower and folded them."""
    console = _console(width=60)
    painter = LivePainter(console, lambda: _NOW)
    for event in story[:10]:
        painter.view.apply(event)
    painter.paint(b"", is_last=False)
    again = painter.paint(b"line\n", is_last=False)
    console.width = 40
    last = painter.paint(b"", is_last=True)

    assert b"\x1b[8A\x1b[Jline\n" in again
    assert b"\x1b[13A\x1b[J" in last
    assert last.endswith(b"\x1b[?25h\x1b[?2026l")


def test_a_line_that_fills_screens_is_cut(story: list[events.RunEvent]) -> None:
    """The other outputs have it whole."""
    output = events.StepOutput(_NOW, "test (3.12)", 2, ("x" * 100_000,))

    text = _render([*story[:1], output], _console())

    assert "x \u2026 and 96000 characters more\n" in text
    assert "x" * 4001 not in text


def test_without_colours_only_the_tree_is_moved(story: list[events.RunEvent]) -> None:
    """NO_COLOR is obeyed for our words and for the log's."""
    text = _render(story, _console(has_colours=False))

    assert _SGR.search(text) is None


def test_a_run_with_one_job_needs_no_names(story: list[events.RunEvent]) -> None:
    """The log is then just indented below its step."""
    started = story[0]
    assert isinstance(started, events.RunStarted)
    alone = events.RunStarted(_NOW, started.run_id, "CI", started.file, "push", started.jobs[:1])
    step = events.StepStarted(_NOW, "test (3.12)", 1, "Check out")
    output = events.StepOutput(_NOW, "test (3.12)", 1, ("copied",))

    assert _screen(_render([alone, step, output], _console()))[:2] == ["\u25b8 Check out", "  copied"]


def test_a_summary_of_very_many_steps_shows_those_that_failed() -> None:
    """What went well is counted in the job's line only."""
    steps = tuple(
        events.StepResult(number, f"step {number}", conclusion, conclusion, number % 2, 1.0, None)
        for number in range(1, 60)
        for conclusion in [Conclusion.FAILURE if number == 7 else Conclusion.SUCCESS]
    )
    job = events.JobResult("job", "job", "job", Conclusion.FAILURE, 59.0, None, steps)
    result = events.RunFinished(_NOW, RunId("r"), Conclusion.FAILURE, None, 0, 0, 60.0, (job,))

    lines = _screen(_render([result], _console()))

    assert [line.split()[:3] for line in lines if "step" in line] == [["\u2717", "step", "7"]]
