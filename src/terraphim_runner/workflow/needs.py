"""The graph of `needs`: names that do not exist, and circles."""

from __future__ import annotations

from typing import TYPE_CHECKING

from terraphim_runner.expressions.value import fold_case
from terraphim_runner.workflow.report import did_you_mean

if TYPE_CHECKING:
    from collections.abc import Sequence

    from terraphim_runner.domain.diagnostic import Span
    from terraphim_runner.workflow.report import Report
    from terraphim_runner.workflow.value import Text

Job = tuple["Text", "Sequence[Text]"]  # its id and its needs

_NO_FREE_JOB = "The workflow must contain at least one job with no dependencies."


def check_needs(jobs: Sequence[Job], place: Span, report: Report) -> None:
    """Report every need that names no job, and every job that waits for itself in the end."""
    ids = {fold_case(job.value): job for job, _ in jobs}
    if all(needs for _, needs in jobs):
        report.error(place, "no-free-job", _NO_FREE_JOB)
    graph: dict[str, list[str]] = {}
    for job, needs in jobs:
        graph[fold_case(job.value)] = [fold_case(need.value) for need in needs if fold_case(need.value) in ids]
        for need in needs:
            if fold_case(need.value) not in ids:
                message = f"Job '{job}' depends on unknown job '{need}'."
                report.error(need.span, "unknown-need", message, did_you_mean(need.value, map(str, ids.values())))
    for job, needs in jobs:
        for need in needs:
            circle = _path(graph, fold_case(need.value), fold_case(job.value))
            if circle:
                named = " -> ".join(str(ids[each]) for each in [fold_case(job.value), *circle])
                message = f"Job '{job}' depends on job '{need}' which creates a cycle in the dependency graph."
                report.error(need.span, "needs-cycle", message, f"the cycle is {named}")


def _path(graph: dict[str, list[str]], start: str, goal: str) -> list[str]:
    """Find the shortest way along needs; nothing if there is none."""
    came_from: dict[str, str | None] = {start: None}
    queue = [start] if start in graph else []
    for job in queue:
        if job == goal:
            return _trace(came_from, goal)
        for need in graph[job]:
            if need not in came_from:
                came_from[need] = job
                queue.append(need)
    return []


def _trace(came_from: dict[str, str | None], goal: str) -> list[str]:
    path: list[str] = []
    step: str | None = goal
    while step is not None:
        path.append(step)
        step = came_from[step]
    return path[::-1]
