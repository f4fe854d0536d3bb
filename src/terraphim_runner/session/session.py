"""A run's hold on its VM."""

from __future__ import annotations

from contextlib import asynccontextmanager, contextmanager
from typing import TYPE_CHECKING

from terraphim_runner.domain.errors import SessionExpired, StateError
from terraphim_runner.domain.state import SessionState, next_state
from terraphim_runner.session.reported_execution import ExecutionReporter

if TYPE_CHECKING:
    from collections.abc import AsyncIterable, AsyncIterator, Iterator, Mapping, Sequence
    from datetime import datetime
    from pathlib import Path

    from terraphim_runner.domain.ident import RunId, SessionId, VmId
    from terraphim_runner.domain.vm_type import VmType
    from terraphim_runner.ports.clock import Clock
    from terraphim_runner.ports.execution_sink import ExecutionSink
    from terraphim_runner.ports.vm import (
        Allocation,
        Breach,
        Command,
        Execution,
        Root,
        RootSpec,
        Tree,
        TreePlacement,
        Vm,
    )


class Session:
    """What steps get instead of a provider: one VM, for one run, until it is released.

    Made by `SessionManager.create_session` only. Every use counts as activity; while a command or a transfer is
    under way the session is `executing` and no timeout touches it.
    """

    def __init__(
        self,
        session_id: SessionId,
        run_id: RunId,
        vm_type: VmType,
        clock: Clock,
        executions: ExecutionSink | None = None,
    ) -> None:
        """Begin in `initializing`, without a VM; tell `executions` of every command that is executed in it."""
        self.id = session_id
        self.run_id = run_id
        self.vm_type = vm_type
        self.created_at: datetime = clock.now()
        self._clock = clock
        self._executions = executions
        self._state = SessionState.INITIALIZING
        self._allocation: Allocation | None = None
        self._under_way = 0
        self._commands = 0
        self._last_used_s = clock.monotonic_s()

    @property
    def state(self) -> SessionState:
        """Where it is in its life."""
        return self._state

    @property
    def allocation(self) -> Allocation:
        """How its VM was obtained.

        Raises:
            StateError: there is none yet.
        """
        if self._allocation is None:
            raise StateError(f"session {self.id} has no VM yet")
        return self._allocation

    @property
    def vm_id(self) -> VmId:
        """Which VM it holds; the same for the session's whole life."""
        return self.allocation.vm.id

    @property
    def commands(self) -> int:
        """How many commands were executed in its VM."""
        return self._commands

    @asynccontextmanager
    async def open_root(self, spec: RootSpec) -> AsyncIterator[SessionRoot]:
        """Make a pristine root for one job; contract as `Vm.open_root`. It counts as use as long as it is open."""
        with self.using() as vm:
            async with vm.open_root(spec) as root:
                yield SessionRoot(self, root, self._reporter(spec.name))

    def is_expired(self, now_s: float, timeout_s: float) -> bool:
        """Tell whether it is idle, with nothing under way, for `timeout_s` or longer."""
        return self._state is SessionState.ACTIVE and now_s - self._last_used_s >= timeout_s

    @property
    def last_used_s(self) -> float:
        """When it was last used, on the clock's monotonic scale."""
        return self._last_used_s

    def change(self, target: SessionState) -> None:
        """Go to `target`; the manager's business.

        Raises:
            StateError: the table forbids it; nothing has changed.
        """
        self._state = next_state(self._state, target)

    def attach(self, allocation: Allocation) -> None:
        """Take the VM, once; the manager's business."""
        if self._allocation is not None:
            raise StateError(f"session {self.id} already has {self.vm_id}")
        self.change(SessionState.ACTIVE)
        self._allocation = allocation
        self._last_used_s = self._clock.monotonic_s()

    def count_command(self) -> None:
        """Count a command that is executed in its VM; the roots' business."""
        self._commands += 1

    @contextmanager
    def using(self) -> Iterator[Vm]:
        vm = self._begin()
        try:
            yield vm
        finally:
            self._end()

    def _reporter(self, root: str) -> ExecutionReporter | None:
        return None if self._executions is None else ExecutionReporter(self._executions, self._clock, root)

    def _begin(self) -> Vm:
        match self._state:
            case SessionState.ACTIVE:
                self.change(SessionState.EXECUTING)
            case SessionState.EXECUTING:
                pass
            case SessionState.INITIALIZING:
                raise StateError(f"session {self.id} has no VM yet")
            case _:
                raise SessionExpired(f"session {self.id} has ended ({self._state.value})")
        self._under_way += 1
        return self.allocation.vm

    def _end(self) -> None:
        self._under_way -= 1
        self._last_used_s = self._clock.monotonic_s()
        if self._under_way == 0 and self._state is SessionState.EXECUTING:
            self.change(SessionState.ACTIVE)


class SessionRoot:
    """What the steps of a job get: a root in the session's VM, for as long as both last."""

    def __init__(self, session: Session, root: Root, reporter: ExecutionReporter | None) -> None:
        """Count what is done in `root` as done in `session`."""
        self._session = session
        self._root = root
        self._reporter = reporter

    @property
    def work_root(self) -> str:
        """The directory where workspaces go; as `Root.work_root`."""
        return self._root.work_root

    @property
    def scratch_root(self) -> str:
        """The directory for small files; as `Root.scratch_root`."""
        return self._root.scratch_root

    @property
    def environment(self) -> Mapping[str, str]:
        """What every command of a workflow needs in its environment; as `Root.environment`."""
        return self._root.environment

    @asynccontextmanager
    async def exec(self, command: Command) -> AsyncIterator[Execution]:
        """Start a command; contract as `Root.exec`."""
        with self._session.using():
            self._session.count_command()
            started = self._root.exec(command)
            if self._reporter is not None:
                started = self._reporter.reporting(command, started)
            async with started as execution:
                yield execution

    async def put_file(
        self, path: str, chunks: AsyncIterable[bytes], *, mode: int = 0o644, user: str = "root"
    ) -> None:
        """Write a file; contract as `Root.put_file`."""
        with self._session.using():
            await self._root.put_file(path, chunks, mode=mode, user=user)

    async def make_directories(self, paths: Sequence[str], *, user: str = "root") -> None:
        """Make directories; contract as `Root.make_directories`. A command that the agent executes itself."""
        with self._session.using():
            self._session.count_command()
            await self._root.make_directories(paths, user=user)

    @asynccontextmanager
    async def get_file(self, path: str) -> AsyncIterator[AsyncIterator[bytes]]:
        """Read a file; contract as `Root.get_file`."""
        with self._session.using():
            async with self._root.get_file(path) as chunks:
                yield chunks

    async def put_tree(self, tree: Tree, placement: TreePlacement) -> None:
        """Ship a tree; contract as `Root.put_tree`."""
        with self._session.using():
            await self._root.put_tree(tree, placement)

    async def get_tree(self, path: str, destination: Path) -> None:
        """Fetch a directory; contract as `Root.get_tree`."""
        with self._session.using():
            await self._root.get_tree(path, destination)

    async def breaches(self) -> Sequence[Breach]:
        """Tell which limits were met; contract as `Root.breaches`."""
        with self._session.using():
            return await self._root.breaches()
