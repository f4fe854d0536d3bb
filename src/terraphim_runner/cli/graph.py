"""`terraphim-runner graph`: which job waits for which."""

from __future__ import annotations

from enum import Enum
from typing import TYPE_CHECKING, Annotated, assert_never

import typer

from terraphim_runner.cli.workflow_file import find_workflow, load_workflow
from terraphim_runner.expressions.value import fold_case
from terraphim_runner.workflow.job_graph import needed_ids, stages

if TYPE_CHECKING:
    from collections.abc import Iterator

    from terraphim_runner.workflow.document import Workflow


class GraphFormat(Enum):
    """How the graph is printed."""

    TEXT = "text"
    MERMAID = "mermaid"
    DOT = "dot"


Choice = Annotated[str | None, typer.Argument(metavar="WORKFLOW", help="A workflow's file, by path or name.")]
Output = Annotated[GraphFormat, typer.Option("--output", "-o", help="How the graph is printed.")]


def graph(workflow: Choice = None, output: Output = GraphFormat.TEXT) -> None:
    """Show the graph that a workflow's needs make."""
    for line in render_graph(load_workflow(find_workflow(workflow)), output):
        typer.echo(line)


def render_graph(workflow: Workflow, output: GraphFormat) -> Iterator[str]:
    """Give the lines of a workflow's graph."""
    match output:
        case GraphFormat.TEXT:
            return _text(workflow)
        case GraphFormat.MERMAID:
            return _mermaid(workflow)
        case GraphFormat.DOT:
            return _dot(workflow)
        case _:
            assert_never(output)


def _text(workflow: Workflow) -> Iterator[str]:
    """Jobs in stages, each with what it needs; a job starts as soon as its own needs are done."""
    width = max((len(job.id.value) for job in workflow.jobs), default=0)
    for number, stage in enumerate(stages(workflow.jobs), start=1):
        for job in stage:
            needs = f"  needs {', '.join(map(str, job.needs))}" if job.needs else ""
            yield f"{number}  {job.id.value:<{width}}{needs}".rstrip()


def _mermaid(workflow: Workflow) -> Iterator[str]:
    numbers = {fold_case(job.id.value): number for number, job in enumerate(workflow.jobs, start=1)}
    yield "flowchart LR"
    for number, job in enumerate(workflow.jobs, start=1):
        yield f'    j{number}["{job.id}"]'  # an id of ours: `end`, for one, means something to Mermaid
    for number, job in enumerate(workflow.jobs, start=1):
        for need in needed_ids(job):
            yield f"    j{numbers[need]} --> j{number}"


def _dot(workflow: Workflow) -> Iterator[str]:
    ids = {fold_case(job.id.value): job.id.value for job in workflow.jobs}
    yield "digraph needs {"
    yield "    rankdir=LR;"
    yield "    node [shape=box];"
    for job in workflow.jobs:
        yield f'    "{job.id}";'
        for need in needed_ids(job):
            yield f'    "{ids[need]}" -> "{job.id}";'
    yield "}"
