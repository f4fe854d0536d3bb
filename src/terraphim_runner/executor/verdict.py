"""What several endings come to: of legs a job's, of jobs a run's. Pure."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from terraphim_runner.domain.conclusion import Conclusion
from terraphim_runner.executor.record import NeedsRecord

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from terraphim_runner.domain.event import JobResult

Position = tuple[int, ...]  # of a leg in the plan: its job's number and its own, below its callers'

_WORST_FIRST = (Conclusion.FAILURE, Conclusion.CANCELLED, Conclusion.SUCCESS)


def worst(conclusions: Iterable[Conclusion]) -> Conclusion:
    """Give GitHub's sum: one failure fails all, and `skipped` is what only skipped parts come to."""
    found = set(conclusions)
    return next((each for each in _WORST_FIRST if each in found), Conclusion.SKIPPED)


def merge(records: Sequence[NeedsRecord]) -> NeedsRecord:
    """Make one entry of all legs' in the order in which they ended: of each output the last that is not empty."""
    outputs: dict[str, str] = {}
    for record in records:
        outputs |= {name: value for name, value in record.outputs.items() if value}
    return NeedsRecord(worst(record.result for record in records), outputs)


def verdict(results: Iterable[JobResult]) -> Conclusion:
    """Give the run's conclusion by its legs'; a tolerated failure counts as success."""
    return worst(
        Conclusion.SUCCESS if job.is_tolerated and job.conclusion is Conclusion.FAILURE else job.conclusion
        for job in results
    )


@dataclass(slots=True)
class Tally:
    """The results of a run's legs, as they come in."""

    _results: dict[Position, JobResult] = field(default_factory=dict)

    def add(self, position: Position, result: JobResult) -> None:
        """Keep one leg's."""
        self._results[position] = result

    def in_order(self) -> tuple[JobResult, ...]:
        """Give all of them, in the plan's order whatever the order in which they ended."""
        return tuple(self._results[position] for position in sorted(self._results))
