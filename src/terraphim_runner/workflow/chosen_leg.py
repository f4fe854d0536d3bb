"""Which legs of the matrices a choice takes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from terraphim_runner.domain.errors import UsageError
from terraphim_runner.expressions.comparison import is_equal
from terraphim_runner.expressions.value import is_primitive, to_string
from terraphim_runner.workflow.run_plan import CallLegPlan
from terraphim_runner.workflow.suggestion import did_you_mean

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Sequence

    from terraphim_runner.workflow.matrix import Leg
    from terraphim_runner.workflow.matrix_choice import MatrixChoice
    from terraphim_runner.workflow.run_plan import AnyJobPlan, RunPlan


def is_chosen(leg: Leg, choice: MatrixChoice) -> bool:
    """Tell whether a leg runs."""
    return leg.matrix is None or all(
        key not in leg.matrix or any(is_equal(leg.matrix.get(key), value) for value in values)
        for key, values in choice.values.items()
    )


def check_choice(choice: MatrixChoice, plan: RunPlan) -> None:
    """Check a choice against all the legs there are; where some are known later only, nothing can be said.

    Raises:
        UsageError: no leg has the key, or the value, or all that is chosen at once; says what there is.
    """
    if any(job.strategy is None for job in _jobs(plan.jobs)):
        return
    legs = [leg.leg for job in _jobs(plan.jobs) for leg in job.legs]
    for key, values in choice.values.items():
        _check_key(key, values, legs)
    if not any(key in (leg.matrix or ()) for leg in legs if is_chosen(leg, choice) for key in choice.values):
        raise UsageError("--matrix: no leg has all of these values at once")


def _check_key(key: str, values: Sequence[str], legs: Collection[Leg]) -> None:
    having = [leg.matrix.get(key) for leg in legs if leg.matrix is not None and key in leg.matrix]
    if not having:
        known = sorted({name for leg in legs for name in leg.matrix or ()})
        hint = did_you_mean(key, known) or f"they have: {', '.join(known)}" if known else "there is no matrix"
        raise UsageError(f"--matrix {key}: no matrix has this key", hint=hint)
    for value in values:
        if not any(is_equal(each, value) for each in having):
            shown = dict.fromkeys(to_string(each) for each in having if is_primitive(each))
            raise UsageError(f"--matrix {key}:{value}: no leg has this value", hint=f"{key}: {', '.join(shown)}")


def unchosen_jobs(plan: RunPlan) -> Iterator[str]:
    """Give the keys of the jobs of which no leg was chosen."""
    return (job.key for job in _jobs(plan.jobs) if job.strategy is not None and not job.legs)


def _jobs(jobs: Iterable[AnyJobPlan]) -> Iterator[AnyJobPlan]:
    for job in jobs:
        yield job
        for leg in job.legs:
            if isinstance(leg, CallLegPlan):
                yield from _jobs(leg.jobs)
