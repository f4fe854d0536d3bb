"""Carry out what was ordered: once, again and again, or only in words."""

from __future__ import annotations

import errno
import json
import signal
import sys
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING, Any

import anyio
import typer

from terraphim_runner.cli.error_handler import INTERRUPTED, report
from terraphim_runner.cli.hidden_secret import hidden_secrets
from terraphim_runner.cli.output import OutputFormat, open_messages, open_output
from terraphim_runner.domain.conclusion import Conclusion
from terraphim_runner.domain.errors import InfraError, RunnerError, StateError, WorkflowError
from terraphim_runner.domain.event import Notice
from terraphim_runner.executor.cancellation import Cancellation
from terraphim_runner.executor.mask import Masker
from terraphim_runner.executor.masked_sink import MaskedSink
from terraphim_runner.wiring.metrics_file import measuring
from terraphim_runner.worker.client import run_wherever

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from terraphim_runner.adapters.metrics.metrics import Metrics
    from terraphim_runner.cli.output import Output
    from terraphim_runner.cli.run_order import RunOrder
    from terraphim_runner.domain.event import RunFinished
    from terraphim_runner.settings.model import Settings
    from terraphim_runner.wiring.asked_run import LocalRun

_STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def carry_out(
    local_run: LocalRun, settings: Settings, output: OutputFormat, metrics_file: Path | None = None
) -> int:
    """Run the workflow once and give the exit status."""
    masker = Masker.of(local_run.secrets)
    with open_output(output) as opened, hidden_secrets(masker), measuring(metrics_file) as metrics:
        code = anyio.run(_run_with_signals, local_run, settings, opened, masker, metrics)
    _raise_failure(opened)
    return code


def show_plan(local_run: LocalRun, settings: Settings, output: OutputFormat) -> None:
    """Say what would run."""
    from terraphim_runner.cli.dry_run import dry_run_data, render_dry_run  # noqa: PLC0415  # a run needs neither
    from terraphim_runner.wiring.local_run import plan_local_run  # noqa: PLC0415  # ... here if a worker has it

    masker = Masker.of(local_run.secrets)
    with open_messages() as messages, hidden_secrets(masker), _with_text(local_run):
        plan = anyio.run(plan_local_run, local_run, settings, MaskedSink(messages, masker))
    if output is OutputFormat.JSON:
        typer.echo(json.dumps(_masked(dry_run_data(plan), masker)))
        return
    for line in render_dry_run(plan):
        typer.echo(masker.mask(line))


def keep_carrying_out(order: RunOrder, settings: Settings, output: OutputFormat) -> int:
    """Run the workflow, and again after every change, until a signal comes; give the exit status."""
    try:
        return anyio.run(_watch, order, settings, output)
    except BaseExceptionGroup as group:
        if group.subgroup(BrokenPipeError) is not None:
            raise BrokenPipeError from group
        raise


async def _watch(order: RunOrder, settings: Settings, output: OutputFormat) -> int:
    from terraphim_runner.cli.watch import Watch  # noqa: PLC0415  # other runs need neither
    from terraphim_runner.wiring.local_change import local_changes  # noqa: PLC0415

    stop = Cancellation()
    first = order.local_run()  # the workflow has to be there to begin with, not after every change
    watch = Watch(local_changes(first.directory), partial(_run_and_tell, order, settings, output))
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(_obey_signals, stop, tasks.cancel_scope, lambda _: None)
        await watch.go_on(stop)
        tasks.cancel_scope.cancel()
    return INTERRUPTED


async def _run_and_tell(
    order: RunOrder, settings: Settings, output: OutputFormat, cancellation: Cancellation
) -> None:
    """Run once; what is wrong is said, and the next change may mend it."""
    try:
        masker = Masker.of(order.secrets)
        with hidden_secrets(masker):
            local_run = order.local_run()
            with open_output(output) as opened:
                await _run(local_run, settings, opened, cancellation, masker)
            _raise_failure(opened)
    except BrokenPipeError:
        raise
    except Exception as error:  # noqa: BLE001  # it is reported like the end of the program
        report(error, sys.argv[1:])
    typer.echo("watching for changes; Ctrl-C ends it", err=True)


async def _run_with_signals(
    local_run: LocalRun, settings: Settings, output: Output, masker: Masker, metrics: Metrics | None
) -> int:
    cancellation = Cancellation()
    code = INTERRUPTED
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(_obey_signals, cancellation, tasks.cancel_scope, partial(_warn, output))
        code = await _run(local_run, settings, output, cancellation, masker, metrics)
        tasks.cancel_scope.cancel()
    return code


async def _run(
    local_run: LocalRun,
    settings: Settings,
    output: Output,
    cancellation: Cancellation,
    masker: Masker,
    metrics: Metrics | None = None,
) -> int:
    output.on_broken = cancellation.request
    try:
        with _with_text(local_run):
            prepare = partial(_configure_log, settings, masker)
            result = await run_wherever(
                local_run, settings, output, cancellation, masker, metrics=metrics, prepare=prepare
            )
            return exit_code(result)
    except (WorkflowError, StateError):
        raise
    except RunnerError as error:
        if output.has_told_result:  # the error and its hint with it: not twice
            return error.exit_code
        raise


def _configure_log(settings: Settings, masker: Masker) -> None:
    from terraphim_runner.cli.engine_log import configure_log  # noqa: PLC0415  # a run in a worker logs there

    configure_log(settings.log_level, masker)


@contextmanager
def _with_text(local_run: LocalRun) -> Iterator[None]:
    """Give faults of the workflow its text, to be shown with them."""
    try:
        yield
    except WorkflowError as error:
        texts = error.texts | {local_run.file: local_run.text}
        raise WorkflowError(error.diagnostics, texts=texts) from error


async def _obey_signals(cancellation: Cancellation, scope: anyio.CancelScope, warn: Callable[[str], None]) -> None:
    with anyio.open_signal_receiver(*_STOP_SIGNALS) as signals:
        async for number in signals:
            if cancellation.is_requested:
                scope.cancel()
                return
            again = "; press Ctrl-C again to stop at once" if number is signal.SIGINT else ""
            warn(f"stopping the run in good order{again}")
            cancellation.request()


def _warn(output: Output, message: str) -> None:
    output.emit(Notice(datetime.now(UTC), "warning", message))


def _raise_failure(output: Output) -> None:
    if (failure := output.writer.failure) is not None:
        is_full = isinstance(failure, OSError) and failure.errno == errno.ENOSPC
        raise failure if is_full else BrokenPipeError  # a new one: typer ends the process at one with a number


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


def _masked(data: Any, masker: Masker) -> Any:
    match data:
        case str():
            return masker.mask(data)
        case list():
            return [_masked(item, masker) for item in data]
        case dict():
            return {name: _masked(value, masker) for name, value in data.items()}
        case _:
            return data
