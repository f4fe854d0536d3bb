"""Properties that nothing in the file declares: `steps.verison`, `needs.biuld`, `inputs.dryrun`, `matrix.ox`.

GitHub makes null of them without a word, so each is a warning, with the nearest name that is declared.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

from terraphim_runner.expressions.check import check_properties
from terraphim_runner.workflow.action import CompositeRuns
from terraphim_runner.workflow.declared_shape import (
    inputs_shape,
    job_shape,
    matrix_shape,
    needs_shape,
    running_job_shape,
    step_ids,
    steps_shape,
)
from terraphim_runner.workflow.event import WorkflowCall
from terraphim_runner.workflow.job import CallJob, NormalJob
from terraphim_runner.workflow.reference import expressions_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from terraphim_runner.expressions.shape import Shape
    from terraphim_runner.workflow.action import Action
    from terraphim_runner.workflow.document import Workflow
    from terraphim_runner.workflow.job import Job
    from terraphim_runner.workflow.report import Report
    from terraphim_runner.workflow.step import Step

    Shapes: TypeAlias = Mapping[str, Shape]


def check_workflow_properties(workflow: Workflow, report: Report) -> None:
    """Warn of every property that the workflow looks up and nobody declares."""
    shapes = {"inputs": inputs_shape(workflow.triggers)}
    _check((workflow.run_name, workflow.env, workflow.concurrency), shapes, report)
    jobs = {job.id.value: job_shape(job) for job in workflow.jobs}
    for trigger in workflow.triggers:
        if isinstance(trigger, WorkflowCall):
            _check(trigger, {**shapes, "jobs": jobs}, report)
    for job in workflow.jobs:
        _check_job(job, {**shapes, "needs": needs_shape(job, workflow.jobs)}, report)


def check_action_properties(action: Action, report: Report) -> None:
    """Do the same for an action."""
    shapes: Shapes = {"inputs": {each.name.value: None for each in action.inputs}}
    known = _check_steps(action.runs.steps if isinstance(action.runs, CompositeRuns) else (), shapes, report)
    _check(action.outputs, {**shapes, "steps": known}, report)


def _check_job(job: Job, shapes: Shapes, report: Report) -> None:
    _check((job.condition, job.strategy), shapes, report)
    inside = {**shapes, "matrix": matrix_shape(job.strategy)}
    _check((job.name, job.concurrency), inside, report)
    match job:
        case NormalJob():
            _check_normal_job(job, {**inside, "job": running_job_shape(job)}, report)
        case CallJob():
            _check((job.with_, job.secrets), inside, report)


def _check_normal_job(job: NormalJob, shapes: Shapes, report: Report) -> None:
    known = _check_steps(job.steps, shapes, report)
    places = (job.runs_on, job.env, job.environment, job.defaults, job.outputs, job.container, job.services)
    limits = (job.timeout_minutes, job.cancel_timeout_minutes, job.continue_on_error, job.snapshot)
    _check((*places, *limits), {**shapes, "steps": known}, report)


def _check_steps(steps: Iterable[Step], shapes: Shapes, report: Report) -> Shape:
    """Check steps in their order, for each knows only those before it; return the shape of all of them."""
    ids: list[str] = []
    for step in steps:
        inner = [each for each in step_ids(step) if step.written_id is None or each != step.written_id.value]
        _check(step, {**shapes, "steps": steps_shape([*ids, *inner])}, report)
        ids += step_ids(step)
    return steps_shape(ids)


def _check(part: object, shapes: Shapes, report: Report) -> None:
    for written, node in expressions_of(part):
        for problem in check_properties(node, shapes):
            span = written.locate(problem.start, problem.end)
            report.warning(span, problem.code, problem.message, problem.advice)
