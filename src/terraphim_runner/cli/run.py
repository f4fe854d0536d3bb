"""`terraphim-runner run`: execute a workflow of the repository that the user stands in."""

from __future__ import annotations

import errno
import json
import os
import signal
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import anyio
import typer

from terraphim_runner.cli.dry_run import dry_run_data, render_dry_run
from terraphim_runner.cli.engine_log import configure_log
from terraphim_runner.cli.error_handler import INTERRUPTED
from terraphim_runner.cli.output import OutputFormat, open_messages, open_output
from terraphim_runner.cli.workflow_choice import choose_workflow, current_directory
from terraphim_runner.domain.conclusion import Conclusion
from terraphim_runner.domain.errors import InfraError, RunnerError, StateError, UsageError, WorkflowError
from terraphim_runner.domain.event import Notice
from terraphim_runner.executor.cancellation import Cancellation
from terraphim_runner.settings.host import HostCapacity
from terraphim_runner.settings.load import load_settings
from terraphim_runner.settings.model import ProviderName
from terraphim_runner.wiring.local_run import LocalRun, plan_local_run, run_locally

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from terraphim_runner.cli.output import Output
    from terraphim_runner.domain.event import RunFinished
    from terraphim_runner.settings.model import Settings

EXAMPLES = """\b
Examples:
  terraphim-runner run                              the workflow that listens to push
  terraphim-runner run ci --job test                one job, and the jobs it needs
  terraphim-runner run --dry-run                    what it would do
  terraphim-runner run release.yml --event release --event-file release.json
  terraphim-runner run --output json | jq .event"""

_STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)

WorkflowArgument = Annotated[
    Path | None,
    typer.Argument(
        metavar="WORKFLOW",
        help="A workflow file, by path or by its name in .github/workflows. Default: the only one that listens "
        "to the event.",
        show_default=False,
    ),
]
EventOption = Annotated[str, typer.Option("--event", metavar="NAME", help="The event that happened.")]
EventFileOption = Annotated[
    Path | None,
    typer.Option("--event-file", metavar="FILE", help="The event's payload, as JSON; - for standard input."),
]
JobOption = Annotated[
    str | None, typer.Option("--job", "-j", metavar="ID", help="Run this job and those it needs only.")
]
EnvOption = Annotated[
    list[str] | None,
    typer.Option(
        "--env",
        metavar="NAME=VALUE",
        help="Set a variable for every step; NAME alone takes the value it has here. May be repeated.",
    ),
]
VmTypeOption = Annotated[
    str | None, typer.Option("--vm-type", metavar="NAME", help="Use this VM type, whatever runs-on says.")
]
ProviderOption = Annotated[
    ProviderName | None,
    typer.Option("--provider", help="What runs the VM; `process` has no isolation.", show_default="qemu"),
]
DryRunOption = Annotated[
    bool, typer.Option("--dry-run", "-n", help="Show the plan: every job leg, step, condition; run nothing.")
]
OutputOption = Annotated[
    OutputFormat,
    typer.Option("--output", "-o", help="`auto` is a live view at a terminal and plain lines in a pipe."),
]


def run(
    workflow: WorkflowArgument = None,
    event: EventOption = "push",
    event_file: EventFileOption = None,
    job: JobOption = None,
    env: EnvOption = None,
    vm_type: VmTypeOption = None,
    provider: ProviderOption = None,
    dry_run: DryRunOption = False,
    output: OutputOption = OutputFormat.AUTO,
) -> None:
    """Execute a workflow of this repository in a virtual machine of its own.

    What actions/checkout yields there is this work tree: tracked files and untracked ones that are not
    ignored, with your changes. Ctrl-C stops the run in good order, a second one at once.

    A local run has no secrets, no variables and no token. Settings: terraphim-runner doctor --output json.

    Exit status: 0 success, 1 failure, 2 faults in the workflow, 64 wrong usage, 69 this machine or the VM
    failed, 70 a bug of terraphim-runner, 75 no session to be had, 130 interrupted, 141 nobody reads the output.
    """
    settings = load_settings({"provider": provider}, os.environ, HostCapacity.measure())
    chosen = choose_workflow(workflow, event, current_directory())
    local_run = LocalRun(
        directory=chosen.repository,
        file=chosen.name,
        text=chosen.text,
        event_name=event,
        payload=_read_payload(event_file),
        job=job,
        env=parse_variables(env or [], os.environ),
        vm_type=vm_type,
    )
    if dry_run:
        _show_plan(local_run, settings, output)
        return
    with open_output(output) as opened:
        configure_log(settings.log_level)
        code = anyio.run(_execute, local_run, settings, opened)
    if (failure := opened.writer.failure) is not None:
        is_full = isinstance(failure, OSError) and failure.errno == errno.ENOSPC
        raise failure if is_full else BrokenPipeError  # a new one: typer ends the process at one with a number
    raise typer.Exit(code)


def _show_plan(local_run: LocalRun, settings: Settings, output: OutputFormat) -> None:
    with open_messages() as messages:
        try:
            plan = anyio.run(plan_local_run, local_run, settings, messages)
        except WorkflowError as error:
            raise WorkflowError(error.diagnostics, texts={local_run.file: local_run.text}) from error
    if output is OutputFormat.JSON:
        typer.echo(json.dumps(dry_run_data(plan)))
        return
    for line in render_dry_run(plan):
        typer.echo(line)


async def _execute(local_run: LocalRun, settings: Settings, output: Output) -> int:
    cancellation = Cancellation()
    output.on_broken = cancellation.request
    code = INTERRUPTED
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(_obey_signals, cancellation, tasks.cancel_scope, output)
        code = await _run(local_run, settings, output, cancellation)
        tasks.cancel_scope.cancel()
    return code


async def _run(local_run: LocalRun, settings: Settings, output: Output, cancellation: Cancellation) -> int:
    try:
        return exit_code(await run_locally(local_run, settings, output, cancellation))
    except WorkflowError as error:
        raise WorkflowError(error.diagnostics, texts={local_run.file: local_run.text}) from error
    except StateError:
        raise
    except RunnerError as error:
        if output.has_told_result:  # the error and its hint with it: not twice
            return error.exit_code
        raise


async def _obey_signals(cancellation: Cancellation, scope: anyio.CancelScope, output: Output) -> None:
    with anyio.open_signal_receiver(*_STOP_SIGNALS) as signals:
        async for number in signals:
            if cancellation.is_requested:
                scope.cancel()
                return
            again = "; press Ctrl-C again to stop at once" if number is signal.SIGINT else ""
            output.emit(Notice(datetime.now(UTC), "warning", f"stopping the run in good order{again}"))
            cancellation.request()


def exit_code(result: RunFinished) -> int:
    """Give the exit status of a run that has a result."""
    if result.error is not None:
        return InfraError.exit_code
    match result.conclusion:
        case Conclusion.SUCCESS:
            return 0
        case Conclusion.CANCELLED:
            return INTERRUPTED
        case Conclusion.FAILURE | Conclusion.SKIPPED:
            return 1


def parse_variables(assignments: Sequence[str], environ: Mapping[str, str]) -> dict[str, str]:
    """Read `NAME=VALUE`s; `NAME` alone takes its value from `environ`.

    Raises:
        UsageError: one is neither, or its variable is not set.
    """
    variables = {}
    for assignment in assignments:
        name, has_value, value = assignment.partition("=")
        if not name:
            raise UsageError(f"--env {assignment}: the name is missing", hint="--env NAME=VALUE")
        if not has_value and name not in environ:
            raise UsageError(f"--env {name}: the variable is not set here", hint=f"--env {name}=VALUE")
        variables[name] = value if has_value else environ[name]
    return variables


def _read_payload(path: Path | None) -> Mapping[str, Any]:
    if path is None:
        return {}
    try:
        text = sys.stdin.read() if str(path) == "-" else path.read_text(encoding="utf-8")
        payload = json.loads(text)
    except OSError as error:
        raise UsageError(f"cannot read the event file {path}: {error.strerror}") from error
    except RecursionError as error:
        raise UsageError(f"the event file {path} is nested too deeply") from error
    except ValueError as error:
        raise UsageError(f"the event file {path} is not JSON: {error}") from error
    if not isinstance(payload, dict):
        raise UsageError(f"the event file {path} must hold a JSON object", hint="the payload of the webhook")
    return payload
