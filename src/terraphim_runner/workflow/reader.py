"""A workflow file's text to its model, or to everything that is wrong with it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from terraphim_runner.workflow.check import check
from terraphim_runner.workflow.composer import DEFAULT_LIMITS, Limits, compose
from terraphim_runner.workflow.document import Workflow
from terraphim_runner.workflow.job import Concurrency, Defaults
from terraphim_runner.workflow.property_check import check_workflow_properties
from terraphim_runner.workflow.read_event import read_triggers
from terraphim_runner.workflow.read_job import read_jobs
from terraphim_runner.workflow.read_setting import read_concurrency, read_defaults, read_permissions
from terraphim_runner.workflow.read_value import get, template, template_map
from terraphim_runner.workflow.read_value import text as read_text
from terraphim_runner.workflow.report import Report
from terraphim_runner.workflow.source import Source
from terraphim_runner.workflow.workflow_shape import WORKFLOW

if TYPE_CHECKING:
    from collections.abc import Sequence

    from terraphim_runner.domain.diagnostic import Diagnostic
    from terraphim_runner.workflow.job import Job
    from terraphim_runner.workflow.node import Node
    from terraphim_runner.workflow.value import Template


@dataclass(frozen=True, slots=True)
class ReadResult:
    """The workflow, unless a diagnostic is an error; the diagnostics are in the order of the file."""

    workflow: Workflow | None
    diagnostics: tuple[Diagnostic, ...]


def read_workflow(text: str, file: str, *, limits: Limits = DEFAULT_LIMITS) -> ReadResult:
    """Read a workflow file: every fault at once, each with its place. `file` only names it."""
    report = Report()
    source = Source(file, text.removeprefix("\ufeff"))
    root = compose(source, report, limits)
    if root is None:
        return ReadResult(None, report.diagnostics)
    check(root, WORKFLOW, report)
    workflow = _workflow(file, root, report)
    check_workflow_properties(workflow, report)
    return ReadResult(None if report.has_errors else workflow, report.diagnostics)


def _workflow(file: str, root: Node, report: Report) -> Workflow:
    jobs = read_jobs(get(root, "jobs"), report)
    concurrency = read_concurrency(get(root, "concurrency"), report)
    defaults = read_defaults(get(root, "defaults"))
    _refuse_deadlock(concurrency, jobs, report)
    return Workflow(
        file=file,
        triggers=read_triggers(get(root, "on"), report),
        jobs=jobs,
        name=read_text(get(root, "name")),
        description=read_text(get(root, "description")),
        run_name=template(get(root, "run-name")),
        permissions=read_permissions(get(root, "permissions")),
        env=template_map(get(root, "env")),
        defaults=defaults if isinstance(defaults, Defaults) else None,
        concurrency=concurrency,
    )


def _refuse_deadlock(concurrency: Concurrency | Template | None, jobs: Sequence[Job], report: Report) -> None:
    """Refuse a job that waits for the run it belongs to."""
    if not isinstance(concurrency, Concurrency) or not concurrency.group.literal:
        return
    group = concurrency.group.literal
    for job in jobs:
        own = job.concurrency
        if isinstance(own, Concurrency) and own.group.literal == group:
            outer = f"Concurrency group '{group}' is also used by job '{job.id}'. This will cause a deadlock."
            inner = (
                f"Concurrency group '{group}' is also defined at the workflow level. This will cause a deadlock."
            )
            report.error(concurrency.span, "concurrency-deadlock", outer)
            report.error(own.span, "concurrency-deadlock", inner)
