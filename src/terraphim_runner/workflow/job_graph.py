"""The graph of a workflow's jobs: what runs after what. Ids match whatever their case.

The reader has refused needs that name no job, and circles (`needs.py`); here both are simply not there.
"""

from __future__ import annotations

from heapq import heappop, heappush
from typing import TYPE_CHECKING

from terraphim_runner.domain.errors import StateError
from terraphim_runner.expressions.value import fold_case

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from terraphim_runner.workflow.job import Job


def order(jobs: Sequence[Job]) -> tuple[Job, ...]:
    """Put every job after the jobs it needs; otherwise the author's order stays.

    Raises:
        StateError: jobs wait for each other in a circle; the reader lets none through.
    """
    index = {fold_case(job.id.value): number for number, job in enumerate(jobs)}
    missing = [{index[need] for need in needed_ids(job) if need in index} for job in jobs]
    dependents: list[list[int]] = [[] for _ in jobs]
    for number, needs in enumerate(missing):
        for need in needs:
            dependents[need].append(number)
    ready = [number for number, needs in enumerate(missing) if not needs]  # ascending: a heap as it is
    ordered = []
    while ready:
        done = heappop(ready)
        ordered.append(jobs[done])
        for number in dependents[done]:
            missing[number].discard(done)
            if not missing[number]:
                heappush(ready, number)
    if len(ordered) < len(jobs):
        raise StateError("jobs wait for each other in a circle")
    return tuple(ordered)


def stages(jobs: Sequence[Job]) -> tuple[tuple[Job, ...], ...]:
    """Group jobs by how many others they wait for in a row: for people to look at, not to run by.

    Raises:
        StateError: as `order`.
    """
    waiting = {fold_case(job.id.value): job for job in jobs}
    found: list[tuple[Job, ...]] = []
    while waiting:
        ready = [key for key, job in waiting.items() if not any(need in waiting for need in needed_ids(job))]
        if not ready:
            raise StateError(f"these jobs wait for each other: {', '.join(waiting)}")
        found.append(tuple(waiting.pop(key) for key in ready))
    return tuple(found)


def closure(jobs: Sequence[Job], job_id: str) -> tuple[Job, ...]:
    """Give one job and all it needs, directly or not, in the order of `jobs`.

    Raises:
        KeyError: there is no such job.
    """
    by_id = {fold_case(job.id.value): job for job in jobs}
    wanted: set[str] = set()
    pending = [fold_case(job_id)]
    while pending:
        key = pending.pop()
        if key not in wanted:
            wanted.add(key)
            pending += needed_ids(by_id[key])
    return tuple(job for key, job in by_id.items() if key in wanted)


def needed_ids(job: Job) -> Iterator[str]:
    """Give the ids that a job needs, folded."""
    return (fold_case(need.value) for need in job.needs)
