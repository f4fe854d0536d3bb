"""The graph of `needs`: names that do not exist, and circles."""

from __future__ import annotations

from typing import TYPE_CHECKING

from terraphim_runner.expressions.value import fold_case

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from terraphim_runner.domain.diagnostic import Span
    from terraphim_runner.workflow.report import Report
    from terraphim_runner.workflow.value import Text

Job = tuple["Text", "Sequence[Text]"]  # its id and its needs

Graph = dict[str, dict[str, None]]  # needs by job, in the order in which they are written

_NO_FREE_JOB = "The workflow must contain at least one job with no dependencies."
_NAMED = 20  # beyond these, the same fault is told without naming the way round


def check_needs(jobs: Sequence[Job], place: Span, report: Report) -> None:
    """Report every need that can never be met: it names no job, or one that waits for itself in the end.

    As on GitHub, that is every need left when no job is free any more, also behind a circle or an unknown job.
    """
    ids = {fold_case(job.value): job for job, _ in jobs}
    unmet = _unmet(jobs)
    if not any(not needs for _, needs in jobs):
        report.error(place, "no-free-job", _NO_FREE_JOB, _any_way_round(unmet, ids))
        return
    named = 0
    for job, needs in jobs:
        for need in needs:
            if fold_case(need.value) not in unmet[fold_case(job.value)]:
                continue
            if fold_case(need.value) not in ids:
                message = f"Job '{job}' depends on unknown job '{need}'."
                hint = report.did_you_mean(need.value, map(str, ids.values()))
                report.error(need.span, "unknown-need", message, hint)
                continue
            message = f"Job '{job}' depends on job '{need}' which creates a cycle in the dependency graph."
            hint = _way_round(unmet, ids, fold_case(job.value), fold_case(need.value)) if named < _NAMED else None
            named += 1
            report.error(need.span, "needs-cycle", message, hint)


def _unmet(jobs: Sequence[Job]) -> Graph:
    """Give of each job, by folded id, the needs that are left when all jobs that can run have run."""
    unmet: Graph = {
        fold_case(job.value): dict.fromkeys(fold_case(need.value) for need in needs) for job, needs in jobs
    }
    waiting: dict[str, list[str]] = {}
    for job, needed in unmet.items():
        for need in needed:
            waiting.setdefault(need, []).append(job)
    free = [job for job, needed in unmet.items() if not needed]
    for job in free:  # grows while we walk
        for each in waiting.get(job, ()):
            del unmet[each][job]
            if not unmet[each]:
                free.append(each)
    return unmet


def _any_way_round(unmet: Graph, ids: Mapping[str, Text]) -> str | None:
    tries = [(job, need) for job, needed in unmet.items() for need in needed if need in ids]
    return next((hint for job, need in tries[:_NAMED] if (hint := _way_round(unmet, ids, job, need))), None)


def _way_round(unmet: Graph, ids: Mapping[str, Text], job: str, need: str) -> str | None:
    """Show the circle that a need closes, if it is in one and not only behind it."""
    way = _way(unmet, need, job)
    return f"the cycle is {' -> '.join(str(ids[each]) for each in (job, *way))}" if way else None


def _way(graph: Graph, start: str, goal: str) -> list[str]:
    """Find the shortest way along needs; empty if there is none."""
    came_from: dict[str, str | None] = {start: None}
    queue = [start]
    for job in queue:
        if job == goal:
            break
        for need in graph.get(job, ()):
            if need not in came_from:
                came_from[need] = job
                queue.append(need)
    if goal not in came_from:
        return []
    way: list[str] = []
    step: str | None = goal
    while step is not None:
        way.append(step)
        step = came_from[step]
    return way[::-1]
