"""A VM whose commands are answered by a script."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING

import anyio
import anyio.lowlevel

from terraphim_runner.domain.errors import CommandNotStarted, FileTransferFailed, MachineLost
from terraphim_runner.ports.vm import ExitStatus

if TYPE_CHECKING:
    from collections.abc import AsyncIterable, AsyncIterator, Mapping, Sequence
    from pathlib import Path

    from anyio.abc import TaskGroup

    from terraphim_runner.domain.ident import VmId
    from terraphim_runner.ports.clock import Clock
    from terraphim_runner.ports.vm import Breach, Command, RootSpec, Stream, Tree, TreePlacement

SIGKILL = 9
SUCCESS = ExitStatus(code=0)


@dataclass(frozen=True, slots=True)
class Behaviour:
    """What a scripted command does, in this order: takes time, writes files, prints, ends."""

    output: tuple[tuple[Stream, bytes], ...] = ()
    status: ExitStatus = SUCCESS
    files: Mapping[str, bytes] = field(default_factory=dict)
    duration_s: float = 0.0
    is_endless: bool = False  # runs until a signal ends it; `ends_on` says which
    ends_on: frozenset[int] = frozenset({2, 9, 15})
    loses_vm: bool = False
    is_unknown: bool = False  # cannot be started
    breaches: tuple[Breach, ...] = ()  # of the limits of the root it runs in


@dataclass(frozen=True, slots=True)
class Call:
    """What a script is asked: the command, the VM it runs in and that VM's files."""

    vm_id: VmId
    command: Command
    files: Mapping[str, bytes]


Script = Callable[[Call], Behaviour]


def succeed(_: Call) -> Behaviour:
    """Answer every command with success and no output."""
    return Behaviour()


class MemoryExecution:
    """One scripted command."""

    def __init__(self, command: Command, behaviour: Behaviour, vm: MemoryVm) -> None:
        """Take the script's answer."""
        self._command = command
        self._behaviour = behaviour
        self._vm = vm
        self._ended = anyio.Event()
        self._status: ExitStatus | None = None
        self.stdin = bytearray()

    @property
    def breaches(self) -> tuple[Breach, ...]:
        """Tell which limits it is to meet."""
        return self._behaviour.breaches

    async def run(self, scope: anyio.CancelScope) -> None:
        """Play the behaviour until `scope` is cancelled; called by the VM."""
        behaviour = self._behaviour
        with scope:
            await self._vm.clock.sleep_s(behaviour.duration_s)
        if scope.cancelled_caught or self._ended.is_set():
            return
        self._vm.files.update(behaviour.files)
        if behaviour.loses_vm:
            self._vm.lose()
        elif not behaviour.is_endless:
            self._end(behaviour.status)

    async def __aiter__(self) -> AsyncIterator[tuple[Stream, bytes]]:
        """Give the scripted output, then wait for the end."""
        for stream, data in self._behaviour.output:
            await anyio.lowlevel.checkpoint()
            self._vm.check()
            yield stream, data
        await self.wait()

    async def wait(self) -> ExitStatus:
        """Wait for the scripted end."""
        await self._ended.wait()
        if self._status is None:
            raise MachineLost
        return self._status

    async def read_back(self) -> Mapping[str, bytes]:
        """Give the files the command was to leave."""
        await self.wait()
        return {path: self._vm.files[path] for path in self._command.read_back if self._vm.files.get(path)}

    async def signal(self, number: int) -> None:
        """End an endless command, if this signal does."""
        self._vm.check()
        if number == SIGKILL or number in self._behaviour.ends_on:
            self._end(ExitStatus(signal=number))

    def vm_lost(self) -> None:
        """End without a status; called by the VM."""
        self._ended.set()

    async def write_stdin(self, data: bytes) -> None:
        """Keep what was written."""
        self._vm.check()
        self.stdin += data

    async def close_stdin(self) -> None:
        """Do nothing."""

    def _end(self, status: ExitStatus) -> None:
        if not self._ended.is_set():  # with a status, or with the VM
            self._status = status
            self._ended.set()


class MemoryVm:
    """A fake VM: files in a dictionary, commands by script."""

    work_root = "/home/runner/work"
    scratch_root = "/run/runner"
    environment: Mapping[str, str] = MappingProxyType(
        {"PATH": "/usr/bin:/bin", "HOME": "/home/runner", "TERRAPHIM_EXTERNALS": "/externals"}
    )

    def __init__(
        self, vm_id: VmId, script: Script, clock: Clock, tasks: TaskGroup, *, directories_s: float = 0.0
    ) -> None:
        """Start with no files; scripted commands run in `tasks`; making directories takes so much of the clock."""
        self._directories_s = directories_s
        self._tasks = tasks
        self._id = vm_id
        self._script = script
        self.clock = clock
        self.files: dict[str, bytes] = {}
        self.commands: list[Command] = []
        self.lost = anyio.Event()
        self.root_specs: list[RootSpec] = []  # every root that was asked for
        self.root_faults: deque[Exception] = deque()  # each is raised once, by the next `open_root`
        self._executions: list[MemoryExecution] = []

    @property
    def id(self) -> VmId:
        """Which VM this is."""
        return self._id

    @asynccontextmanager
    async def exec(self, command: Command) -> AsyncIterator[MemoryExecution]:
        """Ask the script and play its answer."""
        self.check()
        self.commands.append(command)
        self.files |= command.files
        behaviour = self._script(Call(self._id, command, self.files))
        if behaviour.is_unknown:
            raise CommandNotStarted(f"no such program: {command.argv[0]}")
        execution = MemoryExecution(command, behaviour, self)
        self._executions.append(execution)
        scope = anyio.CancelScope()
        self._tasks.start_soon(execution.run, scope)
        try:
            yield execution
        finally:
            self._executions.remove(execution)
            scope.cancel()

    async def put_file(
        self, path: str, chunks: AsyncIterable[bytes], *, mode: int = 0o644, user: str = "root"
    ) -> None:
        """Keep the content; `mode` and `user` mean nothing here."""
        del mode, user
        self.check()
        self.files[path] = b"".join([chunk async for chunk in chunks])

    async def make_directories(self, paths: Sequence[str], *, user: str = "root") -> None:
        """Refuse what has files in it; others are there as soon as they have some."""
        del user
        await self.clock.sleep_s(self._directories_s)
        self.check()
        for path in paths:
            if any(name.startswith(f"{path}/") for name in self.files):
                raise FileTransferFailed(f"directory is not empty: {path}")

    @asynccontextmanager
    async def get_file(self, path: str) -> AsyncIterator[AsyncIterator[bytes]]:
        """Give the content in one chunk."""
        self.check()
        if path not in self.files:
            raise FileTransferFailed(f"no such file in the guest: {path}")
        yield _one_chunk(self.files[path])

    async def put_tree(self, tree: Tree, placement: TreePlacement) -> None:
        """Read the tree's files from the host; symbolic links and empty directories mean nothing here."""
        self.check()
        sources = {relative: anyio.Path(tree.root, relative) for relative in tree.paths}
        for prefix, directory in tree.extra.items():
            async for found in anyio.Path(directory).rglob("*"):
                if not await found.is_dir():
                    sources[f"{prefix}/{found.relative_to(directory)}"] = found
        for relative, source in sources.items():
            if await source.is_symlink():
                continue
            try:
                self.files[f"{placement.path}/{relative}"] = await source.read_bytes()
            except FileNotFoundError as error:
                raise FileTransferFailed(f"{relative} is gone from {tree.root}") from error

    async def get_tree(self, path: str, destination: Path) -> None:
        """Write the files below `path` to the host."""
        self.check()
        inside = {name: data for name, data in self.files.items() if name.startswith(f"{path}/")}
        if not inside:
            raise FileTransferFailed(f"no such directory in the guest: {path}")
        for name, data in inside.items():
            target = anyio.Path(destination, name.removeprefix(f"{path}/"))
            await target.parent.mkdir(parents=True, exist_ok=True)
            await target.write_bytes(data)

    @asynccontextmanager
    async def open_root(self, spec: RootSpec) -> AsyncIterator[MemoryRoot]:
        """Make a root: the same files and script, another work root."""
        self.check()
        self.root_specs.append(spec)
        if self.root_faults:
            raise self.root_faults.popleft()
        yield MemoryRoot(self, f"{self.work_root}/{spec.name}")

    async def breaches(self) -> Sequence[Breach]:
        """The machine's own root has no limits."""
        self.check()
        return ()

    def lose(self) -> None:
        """Be gone from now on."""
        self.lost.set()
        for execution in self._executions:
            execution.vm_lost()

    def check(self) -> None:
        """Raise if the VM is gone.

        Raises:
            MachineLost: it is.
        """
        if self.lost.is_set():
            raise MachineLost


class MemoryRoot:
    """A root of a fake VM."""

    def __init__(self, vm: MemoryVm, work_root: str) -> None:
        """Stand for a part of `vm`."""
        self.work_root = work_root
        self.scratch_root = vm.scratch_root
        self.environment = vm.environment
        self._vm = vm
        self._breaches: list[Breach] = []
        self.put_file = vm.put_file
        self.make_directories = vm.make_directories
        self.get_file = vm.get_file
        self.put_tree = vm.put_tree
        self.get_tree = vm.get_tree

    @asynccontextmanager
    async def exec(self, command: Command) -> AsyncIterator[MemoryExecution]:
        """Ask the script and play its answer."""
        async with self._vm.exec(command) as execution:
            self._breaches += execution.breaches
            yield execution

    async def breaches(self) -> Sequence[Breach]:
        """Tell what scripted commands met."""
        self._vm.check()
        return tuple(self._breaches)


async def _one_chunk(data: bytes) -> AsyncIterator[bytes]:
    await anyio.lowlevel.checkpoint()
    yield data
