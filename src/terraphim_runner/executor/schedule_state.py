"""What the schedule of a run knows: workflows, their jobs, the jobs' legs, and how far each is. Pure."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum
from typing import TYPE_CHECKING, Any

from terraphim_runner.executor.github_context import with_token
from terraphim_runner.executor.job_status import JobStatus
from terraphim_runner.expressions.value import fold_case
from terraphim_runner.workflow.job_graph import needed_ids

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from terraphim_runner.executor.record import NeedsRecord
    from terraphim_runner.executor.verdict import Position
    from terraphim_runner.workflow.document import Workflow
    from terraphim_runner.workflow.plan import Setting
    from terraphim_runner.workflow.run_plan import AnyJobPlan, CallLegPlan, LegPlan


class Phase(Enum):
    """How far a leg is; it only ever goes on in this order, and may end from any."""

    WAITING = "waiting"  # for its turn among its siblings: `max-parallel`
    ENTERING = "entering"  # waits for its concurrency groups
    READY = "ready"  # waits for a place
    RUNNING = "running"
    ENDED = "ended"


@dataclass(slots=True, eq=False)
class LegState:
    """A leg: of a job with steps, or of one that calls a workflow, which then is `called` while it runs."""

    job: JobState = field(repr=False)
    plan: LegPlan | CallLegPlan
    position: Position
    phase: Phase = Phase.WAITING
    called: Level | None = None
    is_stopping: bool = False

    @property
    def key(self) -> str:
        """Give its name in the run, which no other leg has."""
        return self.plan.key

    def contexts(self) -> dict[str, Any]:
        """Give what its own expressions see, before it runs."""
        strategy = self.job.plan.strategy
        contexts, secrets = self.job.contexts(), self.job.level.secrets
        return {
            **contexts,
            "github": with_token(contexts["github"], secrets),
            "secrets": secrets,
            "matrix": self.plan.leg.matrix,
            "strategy": None if strategy is None else strategy.context(self.plan.leg),
        }


@dataclass(slots=True, eq=False)
class JobState:
    """A job: it waits for those it needs, then has legs, then a record."""

    level: Level = field(repr=False)
    plan: AnyJobPlan
    position: Position
    legs: list[LegState] = field(default_factory=list)
    ended: list[NeedsRecord] = field(default_factory=list)  # its legs', in the order in which they ended
    record: NeedsRecord | None = None

    @property
    def is_due(self) -> bool:
        """Tell whether it waits for nothing any more, and nothing was decided yet."""
        return self.record is None and not self.legs and all(each.record is not None for each in self.needed())

    def needed(self) -> list[JobState]:
        """Give the jobs it needs."""
        return [self.level.jobs[job_id] for job_id in needed_ids(self.plan.job)]

    def needs(self) -> dict[str, NeedsRecord]:
        """Give the entries of its `needs` context."""
        return {each.plan.id: each.record for each in self.needed() if each.record is not None}

    def contexts(self) -> dict[str, Any]:
        """Give what its `if` and its strategy see."""
        needs = {name: record.as_context() for name, record in self.needs().items()}
        return {**self.level.setting.contexts, "needs": needs}

    def status(self, cancelled: str | None) -> JobStatus:
        """Give what its status functions go by."""
        return JobStatus(
            needs={name: record.result for name, record in self.needs().items()},
            ancestors={each.plan.id: each.record.result for each in self._ancestors() if each.record is not None},
            cancelled=cancelled,
        )

    def _ancestors(self) -> list[JobState]:
        found = self.needed()
        for job in found:  # grows while we walk
            found += [each for each in job.needed() if each not in found]
        return found


@dataclass(slots=True, eq=False)
class Level:
    """The jobs of one workflow: the run's own, or one that a leg of it called."""

    workflow: Workflow
    setting: Setting
    secrets: Mapping[str, str] = field(repr=False)
    held: tuple[str, ...]  # concurrency groups that whoever is above holds meanwhile, folded
    caller: LegState | None = None
    cancelled: str | None = None  # why it is being cancelled
    jobs: dict[str, JobState] = field(default_factory=dict)  # by folded id, each after those it needs

    def add_jobs(self, plans: Sequence[AnyJobPlan]) -> None:
        """Take the jobs, in the order of their needs."""
        above = () if self.caller is None else self.caller.position
        for number, plan in enumerate(plans):
            self.jobs[fold_case(plan.id)] = JobState(self, plan, (*above, number))

    def records(self) -> dict[str, NeedsRecord]:
        """Give what is known of its jobs, by id."""
        return {job.plan.id: job.record for job in self.jobs.values() if job.record is not None}

    @property
    def is_done(self) -> bool:
        """Tell whether all its jobs have ended."""
        return all(job.record is not None for job in self.jobs.values())

    def open_jobs(self) -> Iterator[JobState]:
        """Walk the jobs that have not ended, those of called workflows after their caller."""
        for job in self.jobs.values():
            if job.record is None:
                yield job
                for leg in job.legs:
                    if leg.called is not None and leg.phase is Phase.RUNNING:
                        yield from leg.called.open_jobs()
