"""What a run will do, as values: jobs in the order of their needs, legs, names, machine.

A job whose strategy looks at something that is known only later (`needs`) has no strategy here yet: it is late.
The executor plans it again with `plan_job` or `plan_call` when its needs are done.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from terraphim_runner.domain.diagnostic import Diagnostic, Span
    from terraphim_runner.domain.vm_type import VmType
    from terraphim_runner.expressions.value import Object
    from terraphim_runner.workflow.document import Workflow
    from terraphim_runner.workflow.event import WorkflowCall
    from terraphim_runner.workflow.event_context import EventContext
    from terraphim_runner.workflow.job import CallJob, ConcurrencyQueue, Job, NormalJob
    from terraphim_runner.workflow.machine import Demand
    from terraphim_runner.workflow.matrix import Leg, StrategyPlan
    from terraphim_runner.workflow.plan import Setting


@dataclass(frozen=True, slots=True)
class ConcurrencyPlan:
    """A concurrency group, evaluated."""

    group: str
    cancel_in_progress: bool
    queue: ConcurrencyQueue
    span: Span


@dataclass(frozen=True, slots=True, kw_only=True)
class LegPlan:
    """One leg of a job.

    `key` is unique in the run (`test (3.12)`), `name` is what GitHub shows. `demand` is None where `runs-on` looks
    at what is not known yet; `machine` is what that demand asks for. A leg that no VM type serves, and that the
    user asked to skip, has the reason in `unserved`. `concurrency` is None without one, or where it is late.
    """

    leg: Leg
    key: str
    name: str
    demand: Demand | None
    machine: VmType | None
    steps: tuple[str, ...]
    concurrency: ConcurrencyPlan | None = None
    unserved: Diagnostic | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedJob:
    """What both kinds of job have in a plan. Without a strategy yet, the job is late."""

    key: str
    job: Job
    strategy: StrategyPlan | None

    @property
    def id(self) -> str:
        """Give the job's id."""
        return self.job.id.value

    @property
    def needs(self) -> tuple[str, ...]:
        """Give the ids of the jobs it needs, as written, in its own workflow."""
        return tuple(need.value for need in self.job.needs)


@dataclass(frozen=True, slots=True, kw_only=True)
class JobPlan(PlannedJob):
    """A job with steps."""

    job: NormalJob
    legs: tuple[LegPlan, ...] = ()

    @property
    def is_late(self) -> bool:
        """Tell whether the job has to be planned again when its needs are done."""
        return self.strategy is None or any(leg.demand is None for leg in self.legs)


@dataclass(frozen=True, slots=True, kw_only=True)
class CallLegPlan:
    """One leg of a job that calls a workflow; `inputs` is None where they look at what is not known yet."""

    leg: Leg
    key: str
    name: str
    inputs: Object | None
    setting: Setting  # what its jobs were planned with
    jobs: tuple[JobPlan | CallPlan, ...]
    concurrency: ConcurrencyPlan | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class CallPlan(PlannedJob):
    """A job that calls a workflow, which has been read and checked against the call."""

    job: CallJob
    workflow: Workflow
    trigger: WorkflowCall
    legs: tuple[CallLegPlan, ...] = ()

    @property
    def is_late(self) -> bool:
        """Tell whether the job has to be planned again when its needs are done."""
        return self.strategy is None or any(leg.inputs is None for leg in self.legs)


AnyJobPlan = JobPlan | CallPlan


@dataclass(frozen=True, slots=True, kw_only=True)
class RunPlan:
    """A run, planned: at least one leg of one job runs, or may when its needs are done."""

    workflow: Workflow
    event: EventContext
    setting: (
        Setting  # what its jobs were planned with; late ones are to be planned with the same and more contexts
    )
    name: str
    jobs: tuple[AnyJobPlan, ...]
    machine: VmType
    inputs: Object
    concurrency: ConcurrencyPlan | None = None
    notices: tuple[Diagnostic, ...] = field(default=())  # what the user should know, but runs

    @property
    def legs(self) -> Iterator[tuple[JobPlan, LegPlan]]:
        """Walk the legs known now, those of called workflows included."""
        return _legs(self.jobs)


def _legs(jobs: tuple[AnyJobPlan, ...]) -> Iterator[tuple[JobPlan, LegPlan]]:
    for job in jobs:
        match job:
            case JobPlan():
                yield from ((job, leg) for leg in job.legs)
            case CallPlan():
                for leg in job.legs:
                    yield from _legs(leg.jobs)
