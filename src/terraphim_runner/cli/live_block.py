"""The tree below the log while a run is under way: what runs now, what is done, what is to come."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.text import Text

from terraphim_runner.cli.duration import duration_text
from terraphim_runner.cli.live_row import MAX_WIDTH, progress_row
from terraphim_runner.cli.phrase import concurrency_queued, count, one_line

if TYPE_CHECKING:
    from terraphim_runner.cli.live_row import Frame
    from terraphim_runner.cli.run_view import JobView, RunView


def block(view: RunView, frame: Frame) -> list[Text]:
    """Draw the run in at most half of the screen: all of it, or else what runs now and counts of the rest."""
    room = max(frame.height // 2 - 3, 1)
    rows = _all_rows(view, frame)
    if len(rows) > room:
        rows = _running_rows(view, frame)
    if len(rows) > room:
        rows = [*rows[: room - 1], Text(f"  \u2026 {count(len(rows) - room + 1, 'row')} more", "dim")]
    rows = [_rule(frame), *rows, Text(""), _status(view, frame)]
    for row in rows:
        row.truncate(max(frame.width - 1, 1), overflow="ellipsis")
    return rows


def _all_rows(view: RunView, frame: Frame) -> list[Text]:
    rows = []
    for job in view.jobs.values():
        rows.append(_job_row(job, frame))
        if job.is_running or len(view.jobs) == 1:
            rows += [progress_row(step, frame, indent=4) for step in job.steps.values()]
    return rows


def _running_rows(view: RunView, frame: Frame) -> list[Text]:
    rows = []
    for job in view.jobs.values():
        if job.is_running:
            row = _job_row(job, frame)
            done = sum(step.conclusion is not None for step in job.steps.values())
            rows.append(row)
            rows += [progress_row(step, frame, indent=4) for step in job.steps.values() if step.is_running]
            rows.append(Text(f"      {done} of {count(len(job.steps), 'step')} done", "dim"))
    done = sum(job.conclusion is not None for job in view.jobs.values())
    rows.append(Text(f"  {done} of {count(len(view.jobs), 'job')} done", "dim"))
    return rows


def _job_row(job: JobView, frame: Frame) -> Text:
    row = progress_row(job, frame, indent=2)
    if job.started_at is None and job.conclusion is None and job.waits_for is not None:
        row.append(f"  {concurrency_queued(job.waits_for)}", "dim")
        row.truncate(MAX_WIDTH, overflow="ellipsis")
    elif job.started_at is None and job.conclusion is None and job.needs:
        row.append(f"  after {', '.join(one_line(need) for need in job.needs)}", "dim")
        row.truncate(MAX_WIDTH, overflow="ellipsis")
    return row


def _rule(frame: Frame) -> Text:
    return Text("\u2500" * min(frame.width - 1, MAX_WIDTH), "dim")


def _status(view: RunView, frame: Frame) -> Text:
    facts = [one_line(view.workflow), view.event_name]
    if view.vm is not None:
        facts.append(f"{view.vm.vm_id} {view.vm.source} in {duration_text(view.vm.duration_s)}")
    elif view.queue_position is not None:
        facts.append(f"waits for a free session, {view.queue_position} in the queue")
    elif view.waits_for is not None:
        facts.append(concurrency_queued(view.waits_for))
    else:
        facts.append("getting a virtual machine")
    if view.started_at is not None:
        facts.append(duration_text(max((frame.now - view.started_at).total_seconds(), 0)))
    return Text("  " + " \u00b7 ".join(facts), "dim")
