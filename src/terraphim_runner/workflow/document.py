"""A workflow file, read."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from terraphim_runner.workflow.event import Trigger
    from terraphim_runner.workflow.job import Concurrency, Defaults, Job, Permissions
    from terraphim_runner.workflow.value import Template, TemplateMap, Text


@dataclass(frozen=True, slots=True, kw_only=True)
class Workflow:
    """A workflow file that has no errors; triggers and jobs are in the author's order."""

    file: str
    triggers: tuple[Trigger, ...]
    jobs: tuple[Job, ...]
    name: Text | None = None  # GitHub shows the file's path where there is none
    description: Text | None = None
    run_name: Template | None = None
    permissions: Permissions | None = None
    env: TemplateMap | Template | None = None
    defaults: Defaults | None = None
    concurrency: Concurrency | Template | None = None

    def job(self, job_id: str) -> Job | None:
        """Find a job by its id, whatever the case."""
        wanted = job_id.casefold()
        return next((job for job in self.jobs if job.id.value.casefold() == wanted), None)

    def trigger(self, event: str) -> Trigger | None:
        """Find what the workflow says about an event."""
        return next((trigger for trigger in self.triggers if trigger.name.value == event), None)
