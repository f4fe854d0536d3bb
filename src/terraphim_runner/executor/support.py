"""What this version cannot run yet, refused by file and line before anything starts."""

from __future__ import annotations

from typing import TYPE_CHECKING

from terraphim_runner.domain.diagnostic import Diagnostic, Severity
from terraphim_runner.domain.errors import WorkflowError
from terraphim_runner.executor.action_support import ActionCheck, shell_faults
from terraphim_runner.workflow.job import CallJob, Container, Defaults
from terraphim_runner.workflow.run_plan import CallPlan
from terraphim_runner.workflow.step import RunStep, UsesStep, in_order
from terraphim_runner.workflow.value import Template

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from terraphim_runner.domain.diagnostic import Span
    from terraphim_runner.executor.action_library import ActionLibrary
    from terraphim_runner.workflow.job import Job, NormalJob
    from terraphim_runner.workflow.run_plan import AnyJobPlan, RunPlan


def refuse_unsupported(plan: RunPlan, actions: ActionLibrary) -> None:
    """Look for everything in the jobs of a plan that would not do what it says.

    Raises:
        WorkflowError: there is something; all of it.
        HostError: an action cannot be read.
    """
    check = ActionCheck(actions)
    faults = [*_default_faults(plan.workflow.defaults), *_job_list_faults(plan.jobs, check)]
    if faults:  # a workflow that is called twice has its faults once
        raise WorkflowError(list(dict.fromkeys(faults)), texts=check.texts)


def _job_list_faults(plans: Iterable[AnyJobPlan], check: ActionCheck) -> Iterator[Diagnostic]:
    """Walk the jobs, those of called workflows where they are called, late ones too."""
    for plan in plans:
        yield from _job_faults(plan.job, check)
        if isinstance(plan, CallPlan):
            yield from _default_faults(plan.workflow.defaults)
            for job in plan.workflow.jobs:
                yield from _job_faults(job, check)
            for leg in plan.legs:
                yield from _job_list_faults(leg.jobs, check)


def _job_faults(job: Job, check: ActionCheck) -> Iterator[Diagnostic]:
    if isinstance(job, CallJob):
        return
    yield from _feature_faults(job)
    yield from _default_faults(job.defaults)
    for step in in_order(job.steps):
        match step:
            case RunStep():
                yield from shell_faults(step.shell)
            case UsesStep():
                yield from check.faults(step)
            case _:
                pass  # what is wrong with the others, their reader has said


def _feature_faults(job: NormalJob) -> Iterator[Diagnostic]:
    has_container = isinstance(job.container, Template) or (
        isinstance(job.container, Container) and job.container.image is not None
    )
    for feature, value in (
        ("job containers", job.container if has_container else None),
        ("service containers", job.services),
        ("deployment environments", job.environment),
        ("snapshots", job.snapshot),
    ):
        if value is not None:
            yield _fault(value.span, feature)


def _default_faults(defaults: Defaults | Template | None) -> Iterator[Diagnostic]:
    if isinstance(defaults, Defaults):
        yield from shell_faults(defaults.shell)


def _fault(span: Span, feature: str) -> Diagnostic:
    return Diagnostic(span, Severity.ERROR, "unsupported", f"terraphim-runner does not run {feature} yet")
