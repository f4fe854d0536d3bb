"""What this version cannot run yet, refused by file and line before anything starts."""

from __future__ import annotations

from typing import TYPE_CHECKING

from terraphim_runner.domain.diagnostic import Diagnostic, Severity
from terraphim_runner.executor.checkout import CHECKOUT
from terraphim_runner.executor.shell import ShellInvalid, check_shell
from terraphim_runner.workflow.job import CallJob, Container, Defaults
from terraphim_runner.workflow.run_plan import CallPlan
from terraphim_runner.workflow.step import RunStep, UsesStep, in_order
from terraphim_runner.workflow.value import Template, TemplateMap

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from terraphim_runner.domain.diagnostic import Span
    from terraphim_runner.workflow.job import Job, NormalJob
    from terraphim_runner.workflow.run_plan import AnyJobPlan, RunPlan
    from terraphim_runner.workflow.step import Step

_HARMLESS_INPUTS = frozenset({"path", "fetch-depth", "fetch-tags", "persist-credentials", "clean", "show-progress",
                              "set-safe-directory", "token", "filter"})  # fmt: skip
_ACTION_HINT = "only actions/checkout is built in so far; do the same with commands in a `run` step"
_FALSE = frozenset({"", "false"})


def unsupported(plan: RunPlan) -> list[Diagnostic]:
    """Find everything in the jobs of a plan that would not do what it says."""
    faults = [*_default_faults(plan.workflow.defaults), *_job_list_faults(plan.jobs)]
    return list(dict.fromkeys(faults))  # a workflow that is called twice has its faults once


def _job_list_faults(plans: Iterable[AnyJobPlan]) -> Iterator[Diagnostic]:
    """Walk the jobs, those of called workflows where they are called, late ones too."""
    for plan in plans:
        yield from _job_faults(plan.job)
        if isinstance(plan, CallPlan):
            yield from _default_faults(plan.workflow.defaults)
            for job in plan.workflow.jobs:
                yield from _job_faults(job)
            for leg in plan.legs:
                yield from _job_list_faults(leg.jobs)


def _job_faults(job: Job) -> Iterator[Diagnostic]:
    if isinstance(job, CallJob):
        return
    yield from _feature_faults(job)
    yield from _default_faults(job.defaults)
    for step in in_order(job.steps):
        yield from _step_faults(step)


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


def _step_faults(step: Step) -> Iterator[Diagnostic]:
    match step:
        case RunStep():
            yield from _shell_faults(step.shell)
        case UsesStep():
            yield from _uses_faults(step)
        case _:
            pass


def _default_faults(defaults: Defaults | Template | None) -> Iterator[Diagnostic]:
    if isinstance(defaults, Defaults):
        yield from _shell_faults(defaults.shell)


def _shell_faults(shell: Template | None) -> Iterator[Diagnostic]:
    if shell is None or shell.literal is None:
        return
    try:
        check_shell(shell.literal)
    except ShellInvalid as error:
        yield Diagnostic(shell.span, Severity.ERROR, "invalid-shell", str(error))


def _uses_faults(step: UsesStep) -> Iterator[Diagnostic]:
    name = step.uses.value.partition("@")[0]
    if name != CHECKOUT:
        yield _fault(step.uses.span, f"the action {step.uses.value}", _ACTION_HINT)
        return
    if isinstance(step.with_, Template):
        yield _fault(step.with_.span, "an expression for all inputs of actions/checkout")
    elif isinstance(step.with_, TemplateMap):
        for key, value in step.with_.entries:
            is_harmless = str(key).lower() in _HARMLESS_INPUTS or value.literal in _FALSE
            if not is_harmless:
                yield _fault(key.span, f"the input '{key}' of actions/checkout")


def _fault(span: Span, feature: str, hint: str | None = None) -> Diagnostic:
    return Diagnostic(span, Severity.ERROR, "unsupported", f"terraphim-runner does not run {feature} yet", hint)
