"""`terraphim-runner pool`: look at the VMs that a worker keeps ready."""

from __future__ import annotations

import json
import os
import sys
from dataclasses import replace
from typing import TYPE_CHECKING, Annotated, Any

import anyio
import typer

from terraphim_runner.adapters.system_clock import SystemClock
from terraphim_runner.cli.doctor import ReportFormat
from terraphim_runner.cli.duration import duration_text
from terraphim_runner.cli.phrase import count as counted
from terraphim_runner.settings.host import HostCapacity
from terraphim_runner.settings.load import load_settings
from terraphim_runner.worker.client import ask_status
from terraphim_runner.worker.message import hello
from terraphim_runner.worker.plain import to_plain

if TYPE_CHECKING:
    from collections.abc import Iterator

    from terraphim_runner.settings.model import Settings
    from terraphim_runner.worker.message import WorkerStatus

_FRAME_S = 0.25

app = typer.Typer(no_args_is_help=True, rich_markup_mode=None, help="Look at the VMs that a worker keeps ready.")

OutputOption = Annotated[ReportFormat, typer.Option("--output", "-o", help="How the status is printed.")]
WatchOption = Annotated[bool, typer.Option("--watch", "-w", help="Show it as it changes, until Ctrl-C.")]
TypeOption = Annotated[str | None, typer.Option("--vm-type", metavar="NAME", help="Which. Default: `default`.")]
CountOption = Annotated[
    int | None, typer.Option("--count", min=0, help="How many. Default: pool.min_idle, or 1 where it has none.")
]


@app.command()
def status(output: OutputOption = ReportFormat.TEXT, watch: WatchOption = False) -> None:
    """Show every VM of the pool: its slot and generation, state, age, and the run that has it.

    With --watch and --output json: one line of JSON whenever something changed.
    Exit status: 0, or 69 if there is no worker.
    """
    settings = _settings()
    if watch:
        anyio.run(_watch, settings, output)
    else:
        _show(_ask(settings, {"ask": "status"}), output)


@app.command()
def warm(vm_type: TypeOption = None, count: CountOption = None, output: OutputOption = ReportFormat.TEXT) -> None:
    """Have so many VMs of a type idle from now on, more or fewer than before; return when so many are.

    Opens a pool that was drained. Holds until the worker ends; for good it is the setting pool.min_idle.
    Ctrl-C ends the waiting only.
    """
    _show(_ask(_settings(), {"ask": "warm", "vm_type": vm_type, "count": count}), output)


@app.command()
def drain(output: OutputOption = ReportFormat.TEXT) -> None:
    """Destroy idle VMs and keep none; runs that have one go on, new ones restore their own.

    `terraphim-runner pool warm` ends it.
    """
    _show(_ask(_settings(), {"ask": "drain"}), output)


def _settings() -> Settings:
    return load_settings({}, os.environ, HostCapacity.measure())


def _ask(settings: Settings, message: dict[str, Any]) -> WorkerStatus:
    return anyio.run(ask_status, settings.state_dir, {**message, "hello": hello(settings)})


def _show(status: WorkerStatus, output: ReportFormat) -> None:
    if output is ReportFormat.JSON:
        typer.echo(json.dumps(to_plain(status), indent=2))
        return
    for line in status_lines(status):
        typer.echo(line)


async def _watch(settings: Settings, output: ReportFormat) -> None:
    clock = SystemClock()
    is_live = output is ReportFormat.TEXT and sys.stdout.isatty()
    shown: list[str] = []
    while True:
        status = await ask_status(settings.state_dir, {"ask": "status", "hello": hello(settings)})
        if output is ReportFormat.JSON:
            lines = [json.dumps(to_plain(_timeless(status)))]
        else:
            lines = list(status_lines(status if is_live else _timeless(status)))
        if lines != shown:
            up = f"\x1b[{len(shown)}F\x1b[J" if is_live and shown else ""
            sys.stdout.write(up + "\n".join(lines) + "\n")
            sys.stdout.flush()
        shown = lines
        await clock.sleep_s(_FRAME_S)


def _timeless(status: WorkerStatus) -> WorkerStatus:
    """Leave out what changes by itself: ages."""
    places = tuple(replace(place, age_s=0.0, state_age_s=0.0) for place in status.pool.places)
    runs = tuple(replace(run, age_s=0.0) for run in status.runs)
    return replace(status, pool=replace(status.pool, places=places), runs=runs)


def status_lines(status: WorkerStatus) -> Iterator[str]:
    """Describe a worker to people."""
    pool = status.pool
    files = {run.run_id: run.file for run in status.runs}
    yield f"{'SLOT':<12} {'VM TYPE':<12} {'STATE':<10} {'FOR':>8} {'AGE':>8}  RUN"
    for place in pool.places:
        age = duration_text(place.age_s) if place.vm_id else ""
        holder = f"{place.holder} {files.get(place.holder, '')}".strip()
        yield (
            f"{place.vm_id or '-':<12} {place.vm_type:<12} {place.state:<10} "
            f"{duration_text(place.state_age_s):>8} {age:>8}  {holder}"
        ).rstrip()
    yield ""
    minimum = ", ".join(f"{number} {name}" for name, number in pool.min_idle.items() if number) or "none"
    yield (
        f"{counted(len(pool.places), 'VM')} of at most {pool.max_total}; to be kept idle: {minimum}"
        f"{'; draining' if pool.is_draining else ''}; strategy {pool.strategy}, reuse {pool.reuse}"
    )
    yield (
        f"cpus {pool.used.cpus:g} of {pool.budget.cpus:g}, "
        f"memory {pool.used.memory_mib:g} of {pool.budget.memory_mib:g} MiB; "
        f"{counted(sum(pool.waiting.values()) + status.queued, 'run')} waiting"
    )
    yield f"worker {status.pid}, provider {status.provider}, {counted(len(status.runs), 'run')}"
