"""How far the build of an image is: a bar at a terminal, a line for each phase elsewhere."""

from __future__ import annotations

import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING

import typer

from terraphim_runner.cli.phrase import one_line

if TYPE_CHECKING:
    from collections.abc import Iterator

    from terraphim_runner.adapters.images.progress import BuildProgress, OnProgress


@contextmanager
def shown_progress(image_name: str) -> Iterator[OnProgress]:
    """Show progress on standard error for the length of the context."""
    if sys.stderr.isatty():
        with _bar(image_name) as on_progress:
            yield on_progress
    else:
        yield _phase_lines(image_name)


def _phase_lines(image_name: str) -> OnProgress:
    last: list[str] = []

    def on_progress(progress: BuildProgress) -> None:
        if progress.phase.value not in last[-1:]:
            last.append(progress.phase.value)
            typer.echo(f"{image_name}: {progress.phase.value}", err=True)

    return on_progress


@contextmanager
def _bar(image_name: str) -> Iterator[OnProgress]:
    from rich.console import Console  # noqa: PLC0415  # pipes need none of it
    from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeElapsedColumn  # noqa: PLC0415

    columns = (
        TextColumn("  {task.fields[image]}", style="bold", markup=False),
        BarColumn(bar_width=30),
        TaskProgressColumn(),
        TimeElapsedColumn(),
        TextColumn("{task.description}", style="dim", markup=False),
    )
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("", total=1.0, image=image_name)

        def on_progress(progress: BuildProgress) -> None:
            detail = f" {one_line(progress.detail)}" if progress.detail else ""
            bar.update(task, completed=progress.fraction, description=f"{progress.phase.value}{detail}")

        yield on_progress
