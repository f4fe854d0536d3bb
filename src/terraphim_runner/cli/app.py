"""The command `terraphim-runner`: which commands there are, and the way in and out."""

from __future__ import annotations

import gc
import importlib
import os
import sys
from dataclasses import dataclass
from importlib.metadata import version
from typing import TYPE_CHECKING, Annotated, Any, NoReturn

import typer
from typer.core import TyperGroup

from terraphim_runner.cli.error_handler import exit_code_of

if TYPE_CHECKING:
    from types import ModuleType

PROGRAM = "terraphim-runner"
_STANDARD_ERROR = 2


@dataclass(frozen=True, slots=True)
class CommandEntry:
    """Where a command is; its module is imported when it is called, so that no command pays for the others."""

    module: str
    attribute: str  # a function, or a `typer.Typer` with commands of its own


COMMANDS = {
    "run": CommandEntry("terraphim_runner.cli.run", "run"),
    "validate": CommandEntry("terraphim_runner.cli.validate", "validate"),
    "list": CommandEntry("terraphim_runner.cli.list", "list_workflows"),
    "graph": CommandEntry("terraphim_runner.cli.graph", "graph"),
    "expr": CommandEntry("terraphim_runner.cli.expr", "expr"),
    "worker": CommandEntry("terraphim_runner.cli.worker", "worker"),
    "pool": CommandEntry("terraphim_runner.cli.pool", "app"),
    "image": CommandEntry("terraphim_runner.cli.image", "app"),
    "doctor": CommandEntry("terraphim_runner.cli.doctor", "doctor"),
    "verify": CommandEntry("terraphim_runner.cli.verify", "verify"),
}


class _Commands(TyperGroup):
    """The commands of the table above."""

    def __init__(self, **arguments: Any) -> None:
        super().__init__(**arguments)
        self.commands: dict[str, Any] = dict.fromkeys(COMMANDS)  # names are enough for "did you mean"

    def list_commands(self, ctx: Any) -> list[str]:
        del ctx
        return list(COMMANDS)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        del ctx
        entry = COMMANDS.get(cmd_name)
        return None if entry is None else _load(cmd_name, entry)


def _load(name: str, entry: CommandEntry) -> Any:
    loaded = getattr(_import(entry.module), entry.attribute)
    if isinstance(loaded, typer.Typer):
        command = typer.main.get_command(loaded)
    else:
        alone = typer.Typer(add_completion=False, rich_markup_mode=None)
        alone.command(name, epilog=getattr(sys.modules[entry.module], "EXAMPLES", None))(loaded)
        command = typer.main.get_command(alone)
    command.name = name
    return command


def _import(module: str) -> ModuleType:
    """Import a module without looking for garbage: there is none, and looking takes a tenth of the time."""
    gc.disable()
    try:
        return importlib.import_module(module)
    finally:
        gc.freeze()  # what was imported stays to the end
        gc.enable()


app = typer.Typer(
    name=PROGRAM,
    cls=_Commands,
    add_completion=False,
    no_args_is_help=True,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _print_version(is_asked: bool) -> None:
    if is_asked:
        typer.echo(f"{PROGRAM} {version(PROGRAM)}")
        raise typer.Exit


@app.callback()
def _root(
    _: Annotated[
        bool, typer.Option("--version", help="Print the version.", callback=_print_version, is_eager=True)
    ] = False,
) -> None:
    """Run GitHub Actions workflows on this machine, each run in one virtual machine of its own."""


def _open_closed_streams() -> None:
    """Give what was started without standard streams (`>&-`) the empty ones, before a file takes their numbers."""
    while (descriptor := os.open(os.devnull, os.O_RDWR)) <= _STANDARD_ERROR:
        pass
    os.close(descriptor)
    for number, name in enumerate(("stdin", "stdout", "stderr")):
        if getattr(sys, name) is None:
            setattr(sys, name, open(number, "w" if number else "r", encoding="utf-8", closefd=False))  # noqa: SIM115


def main() -> NoReturn:
    """Run the command line and end the process with its status."""
    _open_closed_streams()
    sys.exit(exit_code_of(lambda: app(prog_name=PROGRAM, standalone_mode=False), sys.argv[1:]))
