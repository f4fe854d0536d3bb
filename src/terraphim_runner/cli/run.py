"""`terraphim-runner run`: execute a workflow of the repository that the user stands in."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

import typer

from terraphim_runner.cli import run_option as option  # noqa: TC001  # typer reads them
from terraphim_runner.cli.action_mapping import ActionOption, parse_action_mappings
from terraphim_runner.cli.assignment import as_settings, parse_assignments, read_files
from terraphim_runner.cli.carry_out import carry_out, keep_carrying_out, show_plan
from terraphim_runner.cli.event_payload import read_payload
from terraphim_runner.cli.output import OutputFormat
from terraphim_runner.cli.run_order import RunOrder, parse_matrix
from terraphim_runner.domain.errors import UsageError
from terraphim_runner.settings.host import HostCapacity
from terraphim_runner.settings.load import load_settings
from terraphim_runner.workflow.matrix_choice import MatrixChoice

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

EXAMPLES = """\b
Examples:
  terraphim-runner run                              the workflow that listens to push
  terraphim-runner run ci --job test                one job, and the jobs it needs
  terraphim-runner run pull_request --watch         again whenever you save a file
  terraphim-runner run --matrix python:3.12         these legs only
  terraphim-runner run -s TOKEN --secret-file .secrets
  terraphim-runner run --dry-run                    what it would do
  terraphim-runner run release.yml --event release --event-file release.json
  terraphim-runner run --output json | jq .event"""


def run(
    workflow: option.WorkflowArgument = None,
    workflows: option.WorkflowsOption = None,
    event: option.EventOption = None,
    event_file: option.EventFileOption = None,
    job: option.JobOption = None,
    matrix: option.MatrixOption = None,
    secret: option.SecretOption = None,
    secret_file: option.SecretFileOption = None,
    var: option.VariableOption = None,
    var_file: option.VariableFileOption = None,
    input_: option.InputOption = None,
    input_file: option.InputFileOption = None,
    env: option.EnvOption = None,
    env_file: option.EnvFileOption = None,
    action: ActionOption = None,
    vm_type: option.VmTypeOption = None,
    provider: option.ProviderOption = None,
    dry_run: option.DryRunOption = False,
    list_: option.ListOption = False,
    watch: option.WatchOption = False,
    output: option.OutputOption = OutputFormat.AUTO,
    metrics_file: option.MetricsFileOption = None,
) -> None:
    """Execute a workflow of this repository in a virtual machine of its own.

    What actions/checkout yields there is this work tree: tracked files and untracked ones that are not
    ignored, with your changes. Ctrl-C stops the run in good order, a second one at once.

    Secrets are hidden in all output. Settings: terraphim-runner doctor --output json.

    Exit status: 0 success, 1 failure, 2 faults in the workflow, 64 wrong usage, 69 this machine or the VM
    failed, 70 a bug of terraphim-runner, 75 no session to be had, 130 interrupted, 141 nobody reads the output.
    """
    _check_together({"--list": list_, "--dry-run": dry_run, "--watch": watch, "--metrics-file": metrics_file})
    settings = load_settings({"provider": provider}, os.environ, HostCapacity.measure())
    order = RunOrder(
        workflow=workflow,
        workflows=workflows,
        event=event,
        payload={} if list_ else read_payload(event_file),
        job=job,
        matrix=MatrixChoice(parse_matrix(matrix or ())),
        secrets=as_settings("secret", _secrets(secret or (), secret_file)),
        variables=as_settings("variable", _values("--var", var, var_file)),
        inputs=_values("--input", input_, input_file),
        env=_values("--env", env, env_file),
        actions=parse_action_mappings(action or ()),
        vm_type=vm_type,
    )
    if list_:
        _list(order, event_file)
    elif dry_run:
        show_plan(order.local_run(), settings, output)
    elif watch:
        raise typer.Exit(keep_carrying_out(order, settings, output))
    else:
        raise typer.Exit(carry_out(order.local_run(), settings, output, metrics_file))


def _check_together(options: Mapping[str, object]) -> None:
    """Refuse options of which each would leave the others without effect."""
    given = [name for name, value in options.items() if value]
    if len(given) > 1:
        raise UsageError(f"{' and '.join(given)} do not go together", hint="leave out all but one")


def _values(name: str, given: Sequence[str] | None, files: Sequence[Path] | None) -> dict[str, str]:
    return read_files(files) | parse_assignments(name, given or (), os.environ)


def _secrets(given: Sequence[str], files: Sequence[Path] | None) -> dict[str, str]:
    return read_files(files) | parse_assignments("--secret", given, os.environ, _ask_secret)


def _ask_secret(name: str) -> str | None:
    if not sys.stdin.isatty():
        return None
    value: str = typer.prompt(f"secret {name}", hide_input=True, default="", show_default=False, err=True)
    return value


def _list(order: RunOrder, event_file: Path | None) -> None:
    from terraphim_runner.cli.list import list_workflows  # noqa: PLC0415  # most runs do not need it

    list_workflows(files=order.files(), event=order.event_name, event_file=event_file, explain=True)
