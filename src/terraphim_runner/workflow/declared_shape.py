"""The contexts whose properties the author declares: what `inputs`, `needs`, `steps`, `matrix` and so on have.

A shape is None where the file does not say what there will be; see `expressions.shape`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from terraphim_runner.expressions.shape import JOB, NEED, SERVICE, STEP
from terraphim_runner.expressions.value import fold_case
from terraphim_runner.workflow.event import WorkflowCall, WorkflowDispatch
from terraphim_runner.workflow.job import Matrix, NormalJob, Services, Strategy
from terraphim_runner.workflow.step import ParallelStep
from terraphim_runner.workflow.value import Text, ValueList, ValueMap

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from terraphim_runner.expressions.shape import Shape
    from terraphim_runner.workflow.event import Trigger
    from terraphim_runner.workflow.job import Job
    from terraphim_runner.workflow.step import Step
    from terraphim_runner.workflow.value import Template


def inputs_shape(triggers: Iterable[Trigger]) -> Shape:
    """Give the inputs that the events declare; another event brings none."""
    takers = [each for each in triggers if isinstance(each, WorkflowDispatch | WorkflowCall)]
    return {declared.name.value: None for taker in takers for declared in taker.inputs}


def needs_shape(job: Job, jobs: Sequence[Job]) -> Shape:
    """Give the jobs that a job names in its `needs`."""
    needed = {fold_case(need.value) for need in job.needs}
    return {each.id.value: job_shape(each) for each in jobs if fold_case(each.id.value) in needed}


def job_shape(job: Job) -> Shape:
    """Give what is known of a finished job; a called workflow's outputs are in another file."""
    if not isinstance(job, NormalJob):
        return NEED
    names = () if job.outputs is None else tuple(key for key, _ in job.outputs.entries)
    return {"outputs": _complete(names), "result": None}


def step_ids(step: Step) -> Iterator[str]:
    """Give the ids that the author gave a step and those inside it; made ones are not in `steps`."""
    if step.written_id is not None:
        yield step.written_id.value
    if isinstance(step, ParallelStep):
        for inner in step.steps:
            yield from step_ids(inner)


def steps_shape(ids: Iterable[str]) -> Shape:
    """Give the steps of these ids."""
    return dict.fromkeys(ids, STEP)


def running_job_shape(job: Job) -> Shape:
    """Give the `job` context, with the service containers the job has."""
    services = job.services if isinstance(job, NormalJob) else None
    if services is not None and not isinstance(services, Services):
        return JOB
    names = () if services is None else tuple(name for name, _ in services.containers)
    known = _complete(names)
    return JOB if known is None else {**JOB, "services": dict.fromkeys(known, SERVICE)}


def matrix_shape(strategy: Strategy | Template | None) -> Shape:
    """Give the keys a matrix has: those of its vectors, and those its `include` adds.

    What the values of a vector have is left open: a key that none of them has today is often meant so.
    """
    matrix = strategy.matrix if isinstance(strategy, Strategy) else strategy
    if matrix is None:
        return {}
    if not isinstance(matrix, Matrix) or matrix.insertions:
        return None
    included = {} if matrix.include is None else _row_shape(matrix.include)
    if included is None:
        return None
    return dict.fromkeys(name.value for name, _ in matrix.vectors) | included


def _row_shape(rows: ValueList | Template) -> dict[str, Shape] | None:
    if not isinstance(rows, ValueList):
        return None
    keys: list[Text | Template] = []
    for row in rows.items:
        if not isinstance(row, ValueMap):
            return None
        keys += (key for key, _ in row.entries)
    return _complete(keys)


def _complete(names: Iterable[Text | Template]) -> dict[str, Shape] | None:
    """Make the shape of names that are all plain."""
    shape: dict[str, Shape] = {}
    for name in names:
        if not isinstance(name, Text):
            return None
        shape[name.value] = None
    return shape
