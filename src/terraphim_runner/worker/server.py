"""The worker's side of the socket: every connection is served by a task of its own."""

from __future__ import annotations

import math
import os
import socket as sockets
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any, Protocol

import anyio
import structlog
from anyio import to_thread

from terraphim_runner.domain.errors import RunnerError, StateError, UsageError
from terraphim_runner.domain.event import RunStarted
from terraphim_runner.executor.beside import running_beside
from terraphim_runner.executor.cancellation import Cancellation
from terraphim_runner.settings.load import DEFAULT_VM_TYPE
from terraphim_runner.wiring.asked_run import LocalRun
from terraphim_runner.wiring.local_run import run_in_house
from terraphim_runner.worker.line_socket import LineSocket, line_of
from terraphim_runner.worker.message import RunStatus, WorkerStatus, difference, hello
from terraphim_runner.worker.plain import event_to_plain, from_plain, to_plain
from terraphim_runner.worker.told_error import error_to_plain

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
    from typing import BinaryIO

    from terraphim_runner.domain.event import RunEvent
    from terraphim_runner.pool.pool import VmPool
    from terraphim_runner.settings.model import Settings
    from terraphim_runner.wiring.local_run import House

_log = structlog.get_logger(__name__)
_PAUSE_S = 0.1
_PATIENCE_S = 5.0  # with clients that do not read, when the worker ends


class LineWriter(Protocol):
    """Writes lines in order, from a thread of its own: who writes never waits, and nothing is lost."""

    def write(self, text: str) -> None:
        """Queue whole lines."""
        ...

    def close(self) -> None:
        """Wait until everything is written, or nobody reads any more."""
        ...


@dataclass(slots=True)
class _Run:
    """A run in the worker, as an `EventSink`: what happens in it goes to who asked for it."""

    writer: LineWriter
    directory: str
    since_s: float
    cancellation: Cancellation = field(default_factory=Cancellation)
    run_id: str = ""
    file: str = ""

    def emit(self, event: RunEvent) -> None:
        """Send one event."""
        if isinstance(event, RunStarted):
            self.run_id, self.file = event.run_id, event.file
        self.writer.write(line_of({"event": event_to_plain(event)}))


class Worker:
    """Answers on a socket until it is drained."""

    def __init__(
        self,
        settings: Settings,
        house: House,
        pool: VmPool,
        *,
        open_writer: Callable[[BinaryIO], LineWriter],
        hide: Callable[[Mapping[str, str]], None],
    ) -> None:
        """Execute runs in `house`, whose provider is `pool`; `hide` keeps secrets out of the worker's own log."""
        self._settings = settings
        self._house = house
        self._pool = pool
        self._open_writer = open_writer
        self._hide = hide
        self._runs: list[_Run] = []
        self._is_closing = False
        self._is_idle = anyio.Event()
        self._is_ending = anyio.Event()
        self._closing_writers = anyio.CapacityLimiter(math.inf)  # no run's end waits for the client of another

    async def serve(self, listener: sockets.socket) -> None:
        """Accept and answer; cancelling this ends every run at once."""
        async with anyio.create_task_group() as tasks:
            try:
                while True:
                    tasks.start_soon(self._answer, await self._accept(listener))
            finally:
                self._is_ending.set()

    async def drain(self) -> None:
        """Take no run any more, let those there are come to their end; return then."""
        self._is_closing = True
        self._pool.drain()
        while self._runs:
            self._is_idle = anyio.Event()
            await self._is_idle.wait()

    def status(self) -> WorkerStatus:
        """Describe the worker at this instant."""
        now_s = self._house.engine.clock.monotonic_s()
        return WorkerStatus(
            pid=os.getpid(),
            provider=self._pool.name,
            pool=self._pool.status(),
            runs=tuple(RunStatus(r.run_id, r.file, r.directory, now_s - r.since_s) for r in self._runs),
            queued=self._house.sessions.statistics().waiting,
        )

    async def _accept(self, listener: sockets.socket) -> LineSocket:
        while True:
            await anyio.wait_readable(listener)
            try:
                return LineSocket(listener.accept()[0])
            except OSError:  # no descriptor is left: who wants to be heard waits until there is one
                await self._house.engine.clock.sleep_s(_PAUSE_S)

    async def _answer(self, line: LineSocket) -> None:
        try:
            if line.peer_uid not in {0, os.getuid()}:
                _log.warning("a stranger was turned away", uid=line.peer_uid)
                return
            messages = line.messages()
            async for message in messages:
                await self._obey(message, messages, line)
                return  # the connection was for it
        except OSError as error:  # the other end is gone
            _log.info("a connection ended", error=f"{type(error).__name__}: {error}")
        except Exception:  # noqa: BLE001  # nonsense, or a bug that it meets: not to end others' runs
            _log.exception("a connection ended")
        finally:
            line.close()

    async def _obey(
        self, message: dict[str, Any], messages: AsyncIterator[dict[str, Any]], line: LineSocket
    ) -> None:
        ours = hello(self._settings)
        match message["ask"]:
            case "run" if why := difference(message.get("hello"), ours) or self._unwilling():
                line.send({"refused": why})
            case "run":
                await self._run(from_plain(LocalRun, message["run"]), messages, line)
            case "status":
                line.send(self._told_status())
            case "warm" | "drain" as wanted:
                with anyio.CancelScope() as scope:
                    async with running_beside(partial(_listen, messages, scope, scope.cancel)):
                        change = self._warm(message) if wanted == "warm" else self._empty()
                        answer = await self._answer_after(change)
                    line.send(answer)
            case unknown:
                raise ValueError(f"nobody can {unknown!r}")

    def _unwilling(self) -> str | None:
        if self._is_closing:
            return "it is about to end"
        return "its pool was drained" if self._pool.status().is_draining else None

    def _told_status(self) -> dict[str, Any]:
        return {"status": to_plain(self.status())}

    async def _answer_after(self, change: Awaitable[None]) -> dict[str, Any]:
        try:
            await change
        except RunnerError as error:
            return {"error": error_to_plain(error)}
        return self._told_status()

    async def _warm(self, message: dict[str, Any]) -> None:
        name = message["vm_type"] or DEFAULT_VM_TYPE
        if name not in self._settings.vm_types:
            raise UsageError(f"there is no VM type '{name}'")
        wanted = self._settings.pool.min_idle.get(name, 1) if message["count"] is None else message["count"]
        vm_type = self._settings.vm_type(name)
        self._pool.warm(vm_type, wanted)
        await self._pool.wait_warm(vm_type)

    async def _empty(self) -> None:
        self._pool.drain()
        while (status := self._pool.status()).is_draining and any(not place.holder for place in status.places):
            await self._pool.wait_changed()

    async def _run(self, asked: LocalRun, messages: AsyncIterator[dict[str, Any]], line: LineSocket) -> None:
        self._hide(asked.secrets)
        stream = line.socket.makefile("wb")
        writer = self._open_writer(stream)
        run = _Run(writer, str(asked.directory), self._house.engine.clock.monotonic_s())
        self._runs.append(run)
        try:
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(_listen, messages, tasks.cancel_scope, run.cancellation.request)
                writer.write(line_of(await self._execute(asked, run)))
                tasks.cancel_scope.cancel()
        finally:
            self._runs.remove(run)
            self._is_idle.set()
            with anyio.CancelScope(shield=True):
                async with running_beside(partial(self._hang_up_at_the_end, line)):
                    await to_thread.run_sync(writer.close, limiter=self._closing_writers)
            with suppress(OSError):  # what could not be written is nobody's any more
                stream.close()

    async def _hang_up_at_the_end(self, line: LineSocket) -> None:
        """Do not wait for ever for a client that does not read, as one that was paused; while others run, do."""
        await self._is_ending.wait()
        await self._house.engine.clock.sleep_s(_PATIENCE_S)
        with suppress(OSError):  # the client is gone
            line.socket.shutdown(sockets.SHUT_RDWR)

    async def _execute(self, asked: LocalRun, run: _Run) -> dict[str, Any]:
        try:
            await run_in_house(asked, self._settings, self._house, run, run.cancellation)
        except RunnerError as error:
            return {"error": error_to_plain(error)}
        except Exception as error:  # noqa: BLE001  # a bug that one run meets is not to end those of others
            _log.exception("a run ended with a bug")
            return {"error": error_to_plain(StateError(f"{type(error).__name__}: {error}"))}
        return {"finished": True}


async def _listen(
    messages: AsyncIterator[dict[str, Any]], scope: anyio.CancelScope, on_cancel: Callable[[], None]
) -> None:
    with suppress(OSError, ValueError):
        async for message in messages:
            if message.get("ask") == "cancel":
                on_cancel()
    scope.cancel()  # hung up
