"""How far a run is, gathered from its events."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from terraphim_runner.domain import event as events

if TYPE_CHECKING:
    from datetime import datetime

    from terraphim_runner.domain.conclusion import Conclusion


@dataclass(slots=True)
class StepView:
    """A step: waiting, running (it has a start) or ended (it has a conclusion)."""

    name: str
    started_at: datetime | None = None
    conclusion: Conclusion | None = None
    duration_s: float = 0.0

    @property
    def is_running(self) -> bool:
        """Whether it started and did not end."""
        return self.started_at is not None and self.conclusion is None


@dataclass(slots=True)
class JobView:
    """A job leg, like a step, with its steps by number."""

    name: str
    id: str = ""
    needs: tuple[str, ...] = ()
    steps: dict[int, StepView] = field(default_factory=dict)
    started_at: datetime | None = None
    conclusion: Conclusion | None = None
    duration_s: float = 0.0
    waits_for: events.ConcurrencyQueued | None = None

    @property
    def is_running(self) -> bool:
        """Whether it started and did not end."""
        return self.started_at is not None and self.conclusion is None


@dataclass(slots=True)
class RunView:
    """The whole run; `apply` is told every event in order."""

    workflow: str = ""
    event_name: str = ""
    started_at: datetime | None = None
    is_over: bool = False
    waits_for: events.ConcurrencyQueued | None = None
    queue_position: int | None = None
    vm: events.VmAllocated | None = None
    jobs: dict[str, JobView] = field(default_factory=dict)

    @property
    def is_under_way(self) -> bool:
        """Whether it started and did not end."""
        return self.started_at is not None and not self.is_over

    def apply(self, event: events.RunEvent) -> None:
        """Take one event."""
        match event:
            case events.RunStarted():
                self.workflow, self.event_name, self.started_at = event.workflow, event.event_name, event.at
                for job in event.jobs:
                    self._plan(job)
            case events.SessionQueued():
                self.queue_position = event.position
            case events.ConcurrencyQueued():
                (self if event.job is None else self._job(event.job)).waits_for = event
            case events.VmAllocated():
                self.vm = event
            case events.JobPlanned():
                self._plan_late(event.job)
            case events.JobStarted() | events.JobFinished():
                self._apply_to_job(event)
            case events.StepStarted() | events.StepFinished():
                self._apply_to_step(event)
            case events.RunFinished():
                self.is_over = True
            case _:
                pass

    def _plan(self, job: events.PlannedJob) -> None:
        self.jobs[job.key] = _job_view(job)

    def _plan_late(self, job: events.PlannedJob) -> None:
        """Put a leg behind its siblings and what they needed, as in the file, not behind all others."""
        related = {job.id, *job.needs}
        jobs = list(self.jobs.items())
        places = [place for place, (_, view) in enumerate(jobs, start=1) if view.id in related]
        jobs.insert(places[-1] if places else len(jobs), (job.key, _job_view(job)))
        self.jobs = dict(jobs)

    def _job(self, key: str) -> JobView:
        return self.jobs.setdefault(key, JobView(key))

    def _apply_to_job(self, event: events.JobStarted | events.JobFinished) -> None:
        job = self._job(event.job)
        if isinstance(event, events.JobStarted):
            job.started_at = event.at
        else:
            job.conclusion, job.duration_s = event.conclusion, event.duration_s

    def _apply_to_step(self, event: events.StepStarted | events.StepFinished) -> None:
        step = self._job(event.job).steps.setdefault(event.step, StepView(event.name))
        step.name = event.name
        if isinstance(event, events.StepStarted):
            step.started_at = event.at
        else:
            step.conclusion, step.duration_s = event.conclusion, event.duration_s


def _job_view(job: events.PlannedJob) -> JobView:
    steps = {step.number: StepView(step.name) for step in job.steps}
    return JobView(job.name, job.id, job.needs, steps)
