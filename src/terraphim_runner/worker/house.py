"""Open everything a worker has: the lock, the pool, the sessions, the metrics, the socket."""

from __future__ import annotations

import fcntl
import os
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from typing import TYPE_CHECKING

import anyio
import structlog

from terraphim_runner.adapters.metrics.metrics import Metrics
from terraphim_runner.adapters.system_clock import SystemClock
from terraphim_runner.domain.errors import HostError
from terraphim_runner.wiring.engine import open_engine, open_sessions
from terraphim_runner.wiring.local_run import House
from terraphim_runner.wiring.metrics import pool_observer, watch_pool
from terraphim_runner.wiring.pool import make_pool
from terraphim_runner.worker.line_socket import listening
from terraphim_runner.worker.metrics_server import serve_metrics
from terraphim_runner.worker.server import Worker

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator, Mapping
    from pathlib import Path
    from typing import BinaryIO

    from terraphim_runner.domain.ident import VmId
    from terraphim_runner.settings.host import HostCapacity
    from terraphim_runner.settings.model import Settings
    from terraphim_runner.worker.server import LineWriter

_log = structlog.get_logger(__name__)


@asynccontextmanager
async def open_worker(
    settings: Settings,
    host: HostCapacity,
    *,
    open_writer: Callable[[BinaryIO], LineWriter],
    hide: Callable[[Mapping[str, str]], None],
) -> AsyncIterator[tuple[Worker, tuple[VmId, ...]]]:
    """Give a worker that serves, and the VMs that it found left by dead runners; leaving releases everything.

    Raises:
        UsageError: the provider cannot have VMs ready.
        HostError: there is a worker already, or this machine lacks something.
    """
    metrics = Metrics()
    pool = make_pool(settings, host, SystemClock(), _log.warning, pool_observer(metrics))
    async with AsyncExitStack() as stack:
        settings.state_dir.mkdir(parents=True, exist_ok=True)
        stack.enter_context(_alone(settings.state_dir))
        engine = await stack.enter_async_context(open_engine(settings, provider=pool, metrics=metrics))
        sessions = await stack.enter_async_context(open_sessions(engine, settings))
        watch_pool(metrics, pool)
        listener = stack.enter_context(listening(settings.state_dir))
        worker = Worker(settings, House(engine, sessions), pool, open_writer=open_writer, hide=hide)
        tasks = await stack.enter_async_context(anyio.create_task_group())
        stack.callback(tasks.cancel_scope.cancel)
        if settings.metrics_address:
            await tasks.start(serve_metrics, metrics, settings.metrics_address)
        tasks.start_soon(worker.serve, listener)
        yield worker, sessions.reconciled


@contextmanager
def _alone(state_dir: Path) -> Iterator[None]:
    fd = os.open(state_dir / "worker.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        raise HostError(f"a worker is there already: {state_dir}", hint="terraphim-runner pool status") from error
    else:
        yield
    finally:
        os.close(fd)
