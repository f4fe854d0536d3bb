"""One VM's way out: a namespace for its VMM, and the tasks that serve it under a policy."""

from __future__ import annotations

from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

import anyio

from terraphim_runner.domain.network import Exceptions, NetworkMode
from terraphim_runner.domain.usage import NetworkUsage
from terraphim_runner.egress.guard import Guard
from terraphim_runner.egress.journal import Journal
from terraphim_runner.egress.name_service import NameService
from terraphim_runner.egress.namespace import NamespaceShelf
from terraphim_runner.egress.tcp_relay import TcpRelay
from terraphim_runner.egress.udp_relay import UdpRelay

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable
    from pathlib import Path

    from anyio.abc import TaskGroup

    from terraphim_runner.domain.network import NetworkPolicy
    from terraphim_runner.egress.namespace import Namespace
    from terraphim_runner.ports.clock import Clock

_MOST_LOGS = 200


@dataclass(frozen=True, slots=True)
class Gate:
    """What a VMM is given of the network."""

    entrance: tuple[str, ...] = ()  # the words before its command
    journal: Journal | None = None  # none: nothing goes through here

    def usage(self) -> NetworkUsage | None:
        """Tell what went through until now; none where nothing is measured."""
        if self.journal is None:
            return None
        journal = self.journal
        return NetworkUsage(journal.bytes_in, journal.bytes_out, journal.blocked(), str(journal.path))


class Gates:
    """Opens gates. `start` it first; `close` it when all gates are closed."""

    def __init__(self, log_dir: Path, clock: Clock, exceptions: Callable[[], Exceptions] = Exceptions) -> None:
        """Keep the newest logs in `log_dir`; `exceptions` hold for open networks, beside their own rules."""
        self._exceptions = exceptions
        self._log_dir = log_dir
        self._clock = clock
        self._shelf = NamespaceShelf()

    def start(self, tasks: TaskGroup) -> None:
        """Make namespaces ahead of need in `tasks`, the first one now."""
        self._shelf.start(tasks)

    def close(self) -> None:
        """Leave nothing; what runs in the task group must have ended."""
        self._shelf.close()

    @asynccontextmanager
    async def open(self, policy: NetworkPolicy, name: str) -> AsyncIterator[Gate]:
        """Open a gate for the VM `name`; it serves until the context is left.

        Raises:
            HostError: this machine lets us make no network namespace.
        """
        if policy.mode in {NetworkMode.NONE, NetworkMode.UNFILTERED}:
            yield Gate()
            return
        namespace = await self._shelf.take()
        journal = Journal(self._log_dir / f"{name}.jsonl", self._clock)
        try:
            async with anyio.create_task_group() as tasks:
                _serve(tasks, namespace, Guard(policy, journal, exceptions=self._exceptions), self._clock)
                try:
                    yield Gate(namespace.entrance, journal)
                finally:
                    tasks.cancel_scope.cancel()
        finally:
            journal.close()
            namespace.close()
            self._shelf.restock()
            self._prune()

    def _prune(self) -> None:
        with suppress(OSError):
            logs = sorted(self._log_dir.glob("*.jsonl"), key=lambda path: path.stat().st_mtime_ns, reverse=True)
            for log in logs[_MOST_LOGS:]:
                log.unlink()


def _serve(tasks: TaskGroup, namespace: Namespace, guard: Guard, clock: Clock) -> None:
    names = NameService(namespace.names, guard)
    tasks.start_soon(names.serve)
    tasks.start_soon(TcpRelay(namespace.listener, guard, names.serve_connection, clock).serve)
    tasks.start_soon(UdpRelay(namespace.datagrams, namespace.answers, guard).serve)
