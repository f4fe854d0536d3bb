"""What remains on the screen when a run is over."""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING

from rich.text import Text

from terraphim_runner.cli.duration import duration_text
from terraphim_runner.cli.live_row import MAX_WIDTH, conclusion_style, mark, row
from terraphim_runner.cli.phrase import count, ledger_evidence, one_line, step_facts, usage_facts, vm_evidence
from terraphim_runner.domain.conclusion import Conclusion
from terraphim_runner.domain.event import AnnotationLevel

if TYPE_CHECKING:
    from terraphim_runner.cli.annotation_list import AnnotationList
    from terraphim_runner.domain.event import JobResult, RunFinished

_MANY_STEPS = 40
_LEVEL_STYLES = {
    AnnotationLevel.ERROR: "bold red",
    AnnotationLevel.WARNING: "yellow",
    AnnotationLevel.NOTICE: "cyan",
}


def summary(workflow: str, result: RunFinished, width: int) -> list[Text]:
    """Draw the verdict, the jobs and steps, and the evidence of the VM."""
    rows = [Text("\u2500" * min(width - 1, MAX_WIDTH), "dim")]
    is_brief = sum(len(job.steps) for job in result.jobs) > _MANY_STEPS
    for job in result.jobs:
        rows += _job_rows(job, width, is_brief=is_brief)
    rows += [Text(""), *_evidence(result, width), Text(""), _verdict(workflow, result)]
    if result.reason:
        rows.append(Text(f"    {one_line(result.reason)}", "dim"))
    if result.error:
        rows.append(Text(f"    {one_line(result.error)}", "red"))
    if result.hint:
        rows.append(Text(f"    {one_line(result.hint)}", "cyan"))
    return [*rows, Text("")]


def annotation_rows(annotations: AnnotationList, result: RunFinished) -> list[Text]:
    """Draw what steps reported of files and lines."""
    rows = [
        Text(f"  {level.value}  ", _LEVEL_STYLES[level]).append(line, "default")
        for level, line in annotations.lines(result)
    ]
    if annotations.left_out:
        rows.append(Text(f"  and {count(annotations.left_out, 'annotation')} more", "dim"))
    return [Text(""), *rows] if rows else []


def _job_rows(job: JobResult, width: int, *, is_brief: bool) -> list[Text]:
    name = Text(one_line(job.name), "bold")
    if job.reason:
        name.append(f"  {one_line(job.reason)}", "not bold dim")
    time = "" if job.conclusion is Conclusion.SKIPPED else duration_text(job.duration_s)
    rows = [row(mark(job.conclusion), name, time, width, 2)]
    for step in job.steps:
        if is_brief and step.outcome in {Conclusion.SUCCESS, Conclusion.SKIPPED}:
            continue
        facts, _, time = step_facts(step).rpartition(", ")
        if step.outcome is Conclusion.SKIPPED:
            facts, time = step_facts(step), ""
        is_quiet = step.outcome in {Conclusion.SUCCESS, Conclusion.SKIPPED}
        text = Text(one_line(step.name), "dim" if is_quiet else "")
        if facts:
            text.append(f"  {facts}", "dim" if is_quiet else "red")
        rows.append(row(mark(step.outcome), text, time, width, 4))
    return rows


def _evidence(result: RunFinished, width: int) -> list[Text]:
    facts = {"VM": result.vm and vm_evidence(result.vm)}
    if result.usage is not None:
        facts["used"] = usage_facts(result.usage)
    facts["ledger"] = ledger_evidence(result)
    return [
        Text(line, "dim")
        for name, fact in facts.items()
        for line in textwrap.wrap(
            f"{name:<7} {fact or 'none was allocated'}",
            max(min(width, MAX_WIDTH + 12) - 1, 20),
            initial_indent="  ",
            subsequent_indent=" " * 10,
        )
    ]


def _verdict(workflow: str, result: RunFinished) -> Text:
    verdict = Text("  ").append_text(mark(result.conclusion)).append(f" {one_line(workflow)} ", "bold")
    verdict.append(result.conclusion.value, conclusion_style(result.conclusion))
    return verdict.append(f" in {duration_text(result.duration_s)}")
