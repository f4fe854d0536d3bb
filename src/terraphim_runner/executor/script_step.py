"""A `run` step: its script, shell and directory to a command."""

from __future__ import annotations

import posixpath
from typing import TYPE_CHECKING

from terraphim_runner.executor.shell import ShellInvalid, make_script
from terraphim_runner.executor.step_process import ProcessCall, StepProcess
from terraphim_runner.workflow.evaluation import evaluate_string
from terraphim_runner.workflow.job import Defaults

if TYPE_CHECKING:
    from terraphim_runner.executor.step_end import StepEnd
    from terraphim_runner.executor.step_scope import StepScope
    from terraphim_runner.executor.turn import Turn
    from terraphim_runner.expressions.scope import Scope
    from terraphim_runner.workflow.step import RunStep
    from terraphim_runner.workflow.value import Template


async def run_script(step: RunStep, turn: Turn) -> StepEnd:
    """Run a script to its end.

    Raises:
        WorkflowError: an expression in the step cannot be evaluated.
        MachineLost | GuestError: the VM failed, not the step.
    """
    call = await turn.scope.evaluate(lambda expressions: _call(step, turn, expressions))
    if isinstance(call, ShellInvalid):
        return turn.failed(str(call))
    return await StepProcess(turn).run(call)


def _call(step: RunStep, turn: Turn, expressions: Scope) -> ProcessCall | ShellInvalid:
    scope = turn.scope
    shell = _text(step.shell or _default(scope, "shell"), expressions)
    directory = _text(step.working_directory or _default(scope, "working_directory"), expressions)
    try:
        script = make_script(
            evaluate_string(step.run, expressions), shell=shell, stem=f"{scope.frame.place.temp}/step-{turn.label}"
        )
    except ShellInvalid as error:
        return error
    workspace = scope.frame.place.workspace
    return ProcessCall(
        argv=script.argv,
        cwd=posixpath.normpath(posixpath.join(workspace, directory or ".")),
        files={script.path: script.text.encode()},
    )


def _default(scope: StepScope, name: str) -> Template | None:
    """Give a default of the job, else of the workflow; the steps of an action have none."""
    if scope.is_nested:
        return None
    for defaults in (scope.frame.job.defaults, scope.frame.workflow.defaults):
        value: Template | None = getattr(defaults, name) if isinstance(defaults, Defaults) else None
        if value is not None:
            return value
    return None


def _text(template: Template | None, expressions: Scope) -> str | None:
    return None if template is None else evaluate_string(template, expressions)
