"""A `run` step: its script, shell and directory to a command."""

from __future__ import annotations

import posixpath
from typing import TYPE_CHECKING

from terraphim_runner.executor.encodable import encodable
from terraphim_runner.executor.shell import ShellInvalid, make_script
from terraphim_runner.executor.step_process import ProcessCall, StepProcess
from terraphim_runner.expressions.value import Object, to_string
from terraphim_runner.workflow.evaluation import evaluate_string, evaluate_template
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
    shell = _setting(step.shell, scope, "shell", expressions)
    directory = _setting(step.working_directory, scope, "working-directory", expressions)
    try:
        script = make_script(
            evaluate_string(step.run, expressions),
            shell=shell,
            stem=f"{scope.frame.place.scratch}/step-{turn.label}",
        )
    except ShellInvalid as error:
        return error
    workspace = scope.frame.place.workspace
    return ProcessCall(
        argv=script.argv,
        cwd=posixpath.normpath(posixpath.join(workspace, directory or ".")),
        files={script.path: encodable(script.text).encode()},
    )


def _setting(own: Template | None, scope: StepScope, name: str, expressions: Scope) -> str | None:
    """Give what the step says, else its job, else its workflow; the steps of an action have no defaults."""
    if own is not None or scope.is_nested:
        return None if own is None else evaluate_string(own, expressions)
    for defaults in (scope.frame.job.defaults, scope.frame.workflow.defaults):
        if defaults is not None and (value := _default(defaults, name, expressions)):
            return value
    return None


def _default(defaults: Defaults | Template, name: str, expressions: Scope) -> str | None:
    if isinstance(defaults, Defaults):
        template = defaults.shell if name == "shell" else defaults.working_directory
        return None if template is None else evaluate_string(template, expressions)
    data = evaluate_template(defaults, expressions)
    run = data.get("run") if isinstance(data, Object) else None
    value = run.get(name) if isinstance(run, Object) else None
    return None if value is None else to_string(value)
