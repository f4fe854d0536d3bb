"""The options of `run`. Those that users of act know are here under act's names too."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from terraphim_runner.cli.output import OutputFormat
from terraphim_runner.settings.model import ProviderName

WorkflowArgument = Annotated[
    str | None,
    typer.Argument(
        metavar="WORKFLOW",
        help="A workflow file, by path or by its name in .github/workflows; or the name of an event, as for "
        "--event. Default: the only workflow that listens to the event.",
        show_default=False,
    ),
]
WorkflowsOption = Annotated[
    Path | None,
    typer.Option("--workflows", "-W", metavar="PATH", help="A workflow file, or the directory to choose from."),
]
EventOption = Annotated[
    str | None,
    typer.Option(
        "--event", metavar="NAME", help="The event that happened. Default: push; workflow_dispatch with --input."
    ),
]
EventFileOption = Annotated[
    Path | None,
    typer.Option(
        "--event-file",
        "--eventpath",
        "-e",
        metavar="FILE",
        help="The event's payload, as JSON; - for standard input.",
    ),
]
JobOption = Annotated[
    str | None, typer.Option("--job", "-j", metavar="ID", help="Run this job and those it needs only.")
]
MatrixOption = Annotated[
    list[str] | None,
    typer.Option(
        "--matrix",
        metavar="KEY:VALUE",
        help="Run the legs with this value only. May be repeated, also for one key.",
    ),
]
SecretOption = Annotated[
    list[str] | None,
    typer.Option(
        "--secret",
        "-s",
        metavar="NAME[=VALUE]",
        help="Give a secret; NAME alone takes the variable's value, or asks for it. May be repeated.",
    ),
]
SecretFileOption = Annotated[
    list[Path] | None,
    typer.Option("--secret-file", metavar="FILE", help="Give the secrets in a file of NAME=VALUE lines."),
]
VariableOption = Annotated[
    list[str] | None,
    typer.Option(
        "--var", metavar="NAME[=VALUE]", help="Give a configuration variable, for `vars`. May be repeated."
    ),
]
VariableFileOption = Annotated[
    list[Path] | None,
    typer.Option("--var-file", metavar="FILE", help="Give the variables in a file of NAME=VALUE lines."),
]
InputOption = Annotated[
    list[str] | None,
    typer.Option("--input", metavar="NAME[=VALUE]", help="Give an input of workflow_dispatch. May be repeated."),
]
InputFileOption = Annotated[
    list[Path] | None,
    typer.Option("--input-file", metavar="FILE", help="Give the inputs in a file of NAME=VALUE lines."),
]
EnvOption = Annotated[
    list[str] | None,
    typer.Option(
        "--env",
        metavar="NAME[=VALUE]",
        help="Set a variable for every step; NAME alone takes the value it has here. May be repeated.",
    ),
]
EnvFileOption = Annotated[
    list[Path] | None,
    typer.Option("--env-file", metavar="FILE", help="Set the variables in a file of NAME=VALUE lines."),
]
VmTypeOption = Annotated[
    str | None, typer.Option("--vm-type", metavar="NAME", help="Use this VM type, whatever runs-on says.")
]
ProviderOption = Annotated[
    ProviderName | None,
    typer.Option("--provider", help="What runs the VM; `process` has no isolation.", show_default="qemu"),
]
DryRunOption = Annotated[
    bool,
    typer.Option(
        "--dry-run", "--dryrun", "-n", help="Show the plan: every job leg, step, condition; run nothing."
    ),
]
ListOption = Annotated[
    bool,
    typer.Option("--list", "-l", help="List the workflows and whether the event would run them; run nothing."),
]
WatchOption = Annotated[
    bool,
    typer.Option(
        "--watch", "-w", help="Run again whenever a file changes that git does not ignore; Ctrl-C ends it."
    ),
]
MetricsFileOption = Annotated[
    Path | None,
    typer.Option(
        "--metrics-file",
        metavar="FILE",
        help="Write the run's metrics there, for Prometheus' textfile collector. The run gets a VM of its own.",
        show_default=False,
    ),
]
OutputOption = Annotated[
    OutputFormat,
    typer.Option("--output", "-o", help="`auto` is a live view at a terminal and plain lines in a pipe."),
]
