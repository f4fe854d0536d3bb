"""`terraphim-runner worker`: keep VMs ready, and run what `terraphim-runner run` hands over."""

from __future__ import annotations

import os
import resource
import signal
from typing import TYPE_CHECKING, Annotated

import anyio
import typer

from terraphim_runner.cli.engine_log import configure_log
from terraphim_runner.cli.phrase import count
from terraphim_runner.cli.writer import Writer
from terraphim_runner.executor.mask import Masker
from terraphim_runner.settings.host import HostCapacity
from terraphim_runner.settings.load import load_settings
from terraphim_runner.settings.model import ProviderName, Settings
from terraphim_runner.worker.house import open_worker

if TYPE_CHECKING:
    from terraphim_runner.worker.server import Worker

EXAMPLES = """\b
Examples:
  terraphim-runner worker
  terraphim-runner worker --metrics-address 127.0.0.1:9464
  terraphim-runner pool status --watch"""

_DESCRIPTORS = 65536  # not all that the hard limit allows: some programs go through them one by one at their start
_STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)

ProviderOption = Annotated[
    ProviderName | None, typer.Option("--provider", help="What runs the VMs.", show_default="qemu")
]
MetricsOption = Annotated[
    str | None,
    typer.Option("--metrics-address", metavar="HOST:PORT", help="Serve metrics to Prometheus there."),
]


def worker(provider: ProviderOption = None, metrics_address: MetricsOption = None) -> None:
    """Keep virtual machines ready, and execute every run of this user in one of them.

    `terraphim-runner run` finds the worker by itself; where there is none it restores a VM of its own.
    SIGTERM or Ctrl-C: it takes no more runs and ends when those there are have ended; a second one ends them.

    Exit status: 0 when it was stopped, 64 wrong usage, 69 if this machine cannot run VMs or a worker is there.
    """
    host = HostCapacity.measure()
    settings = load_settings({"provider": provider, "metrics_address": metrics_address}, os.environ, host)
    masker = Masker()
    configure_log(settings.log_level, masker)
    _allow_descriptors()
    anyio.run(_work, settings, host, masker)


def _allow_descriptors() -> None:
    """Make room for the connections of many VMs' guests; by default there is, for two VMs."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, min(hard, _DESCRIPTORS)), hard))


async def _work(settings: Settings, host: HostCapacity, masker: Masker) -> None:
    async with open_worker(settings, host, open_writer=Writer, hide=masker.add_secrets) as (opened, reconciled):
        if reconciled:
            _tell(f"released {count(len(reconciled), 'VM')} that earlier runs left when they were killed")
        wanted = ", ".join(f"{number} of {name}" for name, number in settings.pool.min_idle.items())
        _tell(f"worker {os.getpid()} is ready, provider {settings.provider.value}; kept idle: {wanted or 'none'}")
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(_obey_signals, opened, tasks.cancel_scope)


async def _obey_signals(opened: Worker, scope: anyio.CancelScope) -> None:
    with anyio.open_signal_receiver(*_STOP_SIGNALS) as signals:
        async with anyio.create_task_group() as tasks:
            is_first = True
            async for _ in signals:
                if not is_first:
                    _tell("stopping at once")
                    break
                is_first = False
                _tell("draining: runs come to their end; once more stops them at once")
                tasks.start_soon(_drain, opened, scope)
            scope.cancel()


async def _drain(opened: Worker, scope: anyio.CancelScope) -> None:
    await opened.drain()
    scope.cancel()


def _tell(message: str) -> None:
    typer.echo(message, err=True)
