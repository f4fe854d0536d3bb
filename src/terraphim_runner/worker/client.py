"""The other side of the socket: hand a run to a worker that is there, or ask it how it is."""

from __future__ import annotations

from contextlib import suppress
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING, Any

from terraphim_runner.domain.errors import HostError, MachineLost
from terraphim_runner.domain.event import Notice, RunFinished
from terraphim_runner.executor.beside import running_beside
from terraphim_runner.worker.line_socket import LineSocket, connect
from terraphim_runner.worker.message import WorkerStatus, hello
from terraphim_runner.worker.plain import event_from_plain, from_plain, to_plain
from terraphim_runner.worker.told_error import error_from_plain

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from terraphim_runner.adapters.metrics.metrics import Metrics
    from terraphim_runner.executor.cancellation import Cancellation
    from terraphim_runner.executor.mask import Masker
    from terraphim_runner.ports.event_sink import EventSink
    from terraphim_runner.settings.model import Settings
    from terraphim_runner.wiring.asked_run import LocalRun


async def run_wherever(
    run: LocalRun,
    settings: Settings,
    sink: EventSink,
    cancellation: Cancellation,
    masker: Masker,
    *,
    metrics: Metrics | None = None,
    prepare: Callable[[], None] = lambda: None,
) -> RunFinished:
    """Have the worker of this state directory run it; where there is none, or it cannot, run it here.

    With `metrics` it runs here: a worker has its own. `prepare` is called before it runs here.

    Raises:
        RunnerError: as `run_locally`.
    """
    line = None if metrics is not None else connect(settings.state_dir)
    if line is not None:
        try:
            result = await _hand_over(line, run, settings, sink, cancellation)
        finally:
            line.close()
        if not isinstance(result, str):
            return result
        sink.emit(
            Notice(datetime.now(UTC), "warning", f"there is a worker, but {result}; this run gets a VM of its own")
        )
    from terraphim_runner.wiring.local_run import run_locally  # noqa: PLC0415  # a worker has loaded the engine

    prepare()
    return await run_locally(run, settings, sink, cancellation, masker, metrics=metrics)


async def ask_status(state_dir: Path, message: dict[str, Any]) -> WorkerStatus:
    """Ask a worker something that it answers with its status.

    Raises:
        HostError: there is no worker, or it went away.
    """
    line = connect(state_dir)
    if line is None:
        raise HostError("there is no worker", hint="terraphim-runner worker")
    try:
        with suppress(OSError):
            line.send(message)
            async for answer in line.messages():
                if "error" in answer:
                    raise error_from_plain(answer["error"])
                status: WorkerStatus = from_plain(WorkerStatus, answer["status"])
                return status
    finally:
        line.close()
    raise HostError("the worker went away")


async def _hand_over(
    line: LineSocket, run: LocalRun, settings: Settings, sink: EventSink, cancellation: Cancellation
) -> RunFinished | str:
    """Give the result, or why the worker does not want it."""
    try:
        line.send({"ask": "run", "hello": hello(settings), "run": to_plain(run)})
    except OSError:
        return "it went away"
    async with running_beside(partial(_pass_cancellation_on, line, cancellation)):
        answer = await _follow(line, sink)
    return answer  # noqa: RET504  # the block may swallow, for all that mypy knows


async def _follow(line: LineSocket, sink: EventSink) -> RunFinished | str:
    result: RunFinished | None = None
    async for message in line.messages():
        if "refused" in message:
            return str(message["refused"])
        if "error" in message:
            raise error_from_plain(message["error"])
        if "event" not in message:
            break
        event = event_from_plain(message["event"])
        sink.emit(event)
        if isinstance(event, RunFinished):
            result = event
    if result is None:
        raise MachineLost("the worker went away", hint="The next one releases the VM: terraphim-runner worker")
    return result


async def _pass_cancellation_on(line: LineSocket, cancellation: Cancellation) -> None:
    await cancellation.wait_requested()
    with suppress(OSError):  # it went away: `_follow` finds out
        line.send({"ask": "cancel"})
