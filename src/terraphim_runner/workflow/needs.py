"""The graph of `needs`: names that do not exist, and circles."""

from __future__ import annotations

from typing import TYPE_CHECKING

from terraphim_runner.expressions.value import fold_case

if TYPE_CHECKING:
    from collections.abc import Sequence

    from terraphim_runner.domain.diagnostic import Span
    from terraphim_runner.workflow.report import Report
    from terraphim_runner.workflow.value import Text

Job = tuple["Text", "Sequence[Text]"]  # its id and its needs

Graph = dict[str, list[str]]

_NO_FREE_JOB = "The workflow must contain at least one job with no dependencies."
_NAMED_CYCLES = 20  # beyond these, the same fault is told without naming the way round


def check_needs(jobs: Sequence[Job], place: Span, report: Report) -> None:
    """Report every need that names no job, and every job that waits for itself in the end."""
    if all(needs for _, needs in jobs):
        report.error(place, "no-free-job", _NO_FREE_JOB)
    ids = {fold_case(job.value): job for job, _ in jobs}
    for job, needs in jobs:
        for need in needs:
            if fold_case(need.value) not in ids:
                message = f"Job '{job}' depends on unknown job '{need}'."
                report.error(
                    need.span, "unknown-need", message, report.did_you_mean(need.value, map(str, ids.values()))
                )
    _check_cycles(jobs, ids, report)


def _check_cycles(jobs: Sequence[Job], ids: dict[str, Text], report: Report) -> None:
    graph = {
        fold_case(job.value): [fold_case(need.value) for need in needs if fold_case(need.value) in ids]
        for job, needs in jobs
    }
    group = _groups(graph)
    found = 0
    for job, needs in jobs:
        for need in needs:
            start, goal = fold_case(need.value), fold_case(job.value)
            if group.get(start) != group[goal]:
                continue
            found += 1
            message = f"Job '{job}' depends on job '{need}' which creates a cycle in the dependency graph."
            way = [goal, *_way(graph, start, goal)] if found <= _NAMED_CYCLES else []
            hint = f"the cycle is {' -> '.join(str(ids[each]) for each in way)}" if way else None
            report.error(need.span, "needs-cycle", message, hint)


def _groups(graph: Graph) -> dict[str, str]:
    """Give each job one job of those that it waits for and that wait for it (Kosaraju's algorithm)."""
    waiting: Graph = {job: [] for job in graph}
    for job, needs in graph.items():
        for need in needs:
            waiting[need].append(job)
    group: dict[str, str] = {}
    for root in reversed(_finished(graph)):
        stack = [root]
        while stack:
            job = stack.pop()
            if job not in group:
                group[job] = root
                stack += waiting[job]
    return group


def _finished(graph: Graph) -> list[str]:
    """Walk the graph in depth; list each job after all that can be reached from it."""
    order: list[str] = []
    seen: set[str] = set()
    for root in graph:
        stack = [(root, False)]
        while stack:
            job, is_done = stack.pop()
            if is_done:
                order.append(job)
            elif job not in seen:
                seen.add(job)
                stack.append((job, True))
                stack += [(need, False) for need in graph[job]]
    return order


def _way(graph: Graph, start: str, goal: str) -> list[str]:
    """Find the shortest way along needs; there is one."""
    came_from: dict[str, str | None] = {start: None}
    queue = [start]
    for job in queue:
        if job == goal:
            break
        for need in graph[job]:
            if need not in came_from:
                came_from[need] = job
                queue.append(need)
    way: list[str] = []
    step: str | None = goal
    while step is not None:
        way.append(step)
        step = came_from[step]
    return way[::-1]
