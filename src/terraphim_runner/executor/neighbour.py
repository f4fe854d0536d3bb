"""How many legs may be running while one does: among so many it shares what the VM has. Pure.

It is told from the workflow, not from what happens to be under way, so the same job gets the same share each time.
Of jobs that need each other, directly or not, only one runs at a time. Where less is known the answer is larger,
never smaller: of any legs that run at once, each is counted by each of the others.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from terraphim_runner.domain.conclusion import Conclusion
from terraphim_runner.expressions.value import fold_case
from terraphim_runner.workflow.job_graph import needed_ids
from terraphim_runner.workflow.run_plan import LegPlan

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from terraphim_runner.executor.record import NeedsRecord
    from terraphim_runner.executor.schedule_state import LegState
    from terraphim_runner.workflow.run_plan import AnyJobPlan, CallLegPlan


def most_at_once(leg: LegState, places: int) -> int:
    """Give how many legs may be running while `leg` does, itself included: at most `places`."""
    count = 1
    at: LegState | None = leg
    while at is not None and count < places:
        count += _siblings(at, places) + _others(at, places)
        at = at.job.level.caller
    return min(count, places)


def _siblings(leg: LegState, places: int) -> int:
    strategy = leg.job.plan.strategy
    turns = places if strategy is None else strategy.max_parallel
    others = [_width(each.plan, places) for each in leg.job.legs if each is not leg]
    return _largest(others, turns - 1)


def _others(leg: LegState, places: int) -> int:
    """Count legs of the jobs that neither need this leg's nor are needed by it."""
    jobs = leg.job.level.jobs
    before = _ancestors(job.plan for job in jobs.values())
    own = fold_case(leg.job.plan.id)
    beside = {
        key: job for key, job in jobs.items() if key != own and key not in before[own] and own not in before[key]
    }
    widths = {key: 0 if _was_skipped(job.record) else _job_width(job.plan, places) for key, job in beside.items()}
    return _widest(widths, before)


def _was_skipped(record: NeedsRecord | None) -> bool:
    return record is not None and record.result is Conclusion.SKIPPED


def _width(leg: LegPlan | CallLegPlan, places: int) -> int:
    """Count how many legs with steps may be running in one leg."""
    if isinstance(leg, LegPlan):
        return 0 if leg.unserved is not None else 1
    widths = {fold_case(job.id): _job_width(job, places) for job in leg.jobs}
    return _widest(widths, _ancestors(leg.jobs))


def _job_width(job: AnyJobPlan, places: int) -> int:
    if job.strategy is None:  # how many legs it will have is not known yet
        return places
    return _largest([_width(leg, places) for leg in job.legs], job.strategy.max_parallel)


def _largest(widths: Iterable[int], turns: int) -> int:
    return sum(sorted(widths, reverse=True)[: max(turns, 0)])


def _widest(widths: Mapping[str, int], before: Mapping[str, frozenset[str]]) -> int:
    """Bound what jobs may be running together: put them into chains, of each of which only one can be."""
    chains: list[tuple[str, int]] = []  # the last job, the widest
    for key, width in widths.items():
        for number, (last, widest) in enumerate(chains):
            if last in before[key]:
                chains[number] = key, max(widest, width)
                break
        else:
            chains.append((key, width))
    return sum(widest for _, widest in chains)


def _ancestors(plans: Iterable[AnyJobPlan]) -> dict[str, frozenset[str]]:
    """Give for each job those it needs, directly or not; the jobs come after those they need."""
    found: dict[str, frozenset[str]] = {}
    for plan in plans:
        needs = tuple(needed_ids(plan.job))
        found[fold_case(plan.id)] = frozenset(needs).union(*(found[need] for need in needs))
    return found
