"""A worker whose VMs are fakes, behind a real socket."""

from __future__ import annotations

import json
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

import anyio

from terraphim_runner.adapters.concurrency_directory import ConcurrencyDirectory
from terraphim_runner.adapters.ledger_file import LedgerFile
from terraphim_runner.adapters.memory.provider import MemoryProvider
from terraphim_runner.adapters.memory.vm import Behaviour
from terraphim_runner.adapters.system_clock import SystemClock
from terraphim_runner.cli.writer import Writer
from terraphim_runner.domain.usage import Blocked, NetworkUsage, VmUsage
from terraphim_runner.pool.pool import VmPool
from terraphim_runner.ports.ledger import LedgerEvent
from terraphim_runner.ports.vm import Stream
from terraphim_runner.settings.host import HostCapacity
from terraphim_runner.settings.load import load_settings
from terraphim_runner.wiring.asked_run import LocalRun
from terraphim_runner.wiring.engine import Engine, open_sessions
from terraphim_runner.wiring.local_run import House
from terraphim_runner.wiring.pool import pool_limits
from terraphim_runner.worker.line_socket import listening
from terraphim_runner.worker.server import Worker

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping
    from pathlib import Path

    from terraphim_runner.adapters.memory.vm import Call
    from terraphim_runner.ports.clock import Clock
    from terraphim_runner.settings.model import Settings

HOST = HostCapacity(4, 16384)
USAGE = VmUsage(1.0, 2.0, 3, 4, NetworkUsage(5, 6, (Blocked("a.example", 443, 2),), "/log"))
WORKFLOW = "on: push\njobs:\n  build:\n    runs-on: ubuntu-latest\n    steps:\n      - run: {}\n"


@dataclass
class World:
    """A worker, and a repository whose runs it may get."""

    settings: Settings
    worker: Worker
    provider: MemoryProvider
    ledger: LedgerFile
    repository: Path
    hidden: list[Mapping[str, str]]  # from the worker's log

    def run(self, script: str = "true") -> LocalRun:
        return LocalRun(
            directory=self.repository,
            file=".github/workflows/ci.yml",
            text=WORKFLOW.format(script),
            event_name="push",
        )

    def counts(self) -> tuple[int, int]:
        events = [entry.event for entry in self.ledger.entries()]
        return events.count(LedgerEvent.ALLOCATED), events.count(LedgerEvent.RELEASED)


def answer(call: Call) -> Behaviour:
    scripts = b"".join(call.command.files.values())
    output = ((Stream.STDOUT, b"all work and no play\n" * 50_000),) if b"chatter" in scripts else ()
    return Behaviour(output=output, is_endless=b"sleep" in scripts)


def to_line(**message: object) -> bytes:
    return json.dumps(message).encode() + b"\n"


@asynccontextmanager
async def a_world(home: Path, repository: Path, clock: Clock | None = None) -> AsyncIterator[World]:
    environ = {"HOME": str(home), "XDG_STATE_HOME": str(home), "TERRAPHIM_PROVIDER": "memory"}
    settings = load_settings({}, environ, HOST)
    settings.state_dir.mkdir()
    clock = clock or SystemClock()
    provider = MemoryProvider(clock, answer)
    provider.vm_usage = USAGE
    pool = VmPool(provider, clock, pool_limits(settings, HOST))
    with LedgerFile(settings.state_dir) as ledger, listening(settings.state_dir) as listener:
        hidden: list[Mapping[str, str]] = []
        engine = Engine(pool, ledger, clock, ConcurrencyDirectory(settings.state_dir, clock))
        async with pool, open_sessions(engine, settings) as sessions, anyio.create_task_group() as tasks:
            worker = Worker(settings, House(engine, sessions), pool, open_writer=Writer, hide=hidden.append)
            tasks.start_soon(worker.serve, listener)
            yield World(settings, worker, provider, ledger, repository, hidden)
            tasks.cancel_scope.cancel()
