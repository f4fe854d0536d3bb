"""A provider that watches another one and writes down what it sees."""

from __future__ import annotations

from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, replace
from enum import Enum
from typing import TYPE_CHECKING, Protocol, Self

import anyio

from terraphim_runner.ports.vm import Command

if TYPE_CHECKING:
    from collections.abc import AsyncIterable, AsyncIterator, Mapping, Sequence
    from pathlib import Path
    from types import TracebackType

    from terraphim_runner.domain.ident import VmId
    from terraphim_runner.ports.vm import (
        Allocation,
        AllocationRequest,
        Breach,
        Execution,
        Root,
        RootSpec,
        Tree,
        TreePlacement,
        Vm,
        VmProvider,
    )


class Sight(Enum):
    """What the witness saw."""

    ALLOCATING = "allocating"
    ALLOCATED = "allocated"
    COMMAND = "command"
    COMMAND_ENDED = "command ended"
    RELEASED = "released"


@dataclass(frozen=True, slots=True)
class Sighting:
    """One thing seen; their order in the list is the order in time."""

    sight: Sight
    vm_id: VmId | None = None
    is_reused_slot: bool = False


class Meeting(Protocol):
    """Where allocations wait for each other."""

    async def join(self) -> None:
        """Return when everybody who is expected has come."""
        ...


class WitnessProvider:
    """Passes everything on to `provider`, and writes it down in `sightings`."""

    def __init__(self, provider: VmProvider, *, meeting: Meeting | None = None) -> None:
        """Watch a provider that is entered by its owner; hand out VMs when `meeting` is complete."""
        self.provider = provider
        self._meeting = meeting
        self.sightings: list[Sighting] = []
        self.question: str | None = None  # a script for every VM's own root, before it is handed out
        self.answers: list[str] = []  # what it printed in each

    @property
    def name(self) -> str:
        """The watched provider's name."""
        return self.provider.name

    async def __aenter__(self) -> Self:
        """Do nothing: the provider has an owner."""
        return self

    async def __aexit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Do nothing."""

    async def allocate(self, request: AllocationRequest) -> Allocation:
        """Allocate, and hand out a VM that is watched too."""
        self.sightings.append(Sighting(Sight.ALLOCATING))
        allocation = await self.provider.allocate(request)
        if self.question is not None:
            self.answers.append(await ask(allocation.vm, self.question))
        vm = WitnessedVm(allocation.vm, self.sightings)
        self.sightings.append(Sighting(Sight.ALLOCATED, vm.id, allocation.is_reused_slot))
        if self._meeting is not None:
            try:
                await self._meeting.join()
            except BaseException:
                with anyio.CancelScope(shield=True):
                    await self.release(vm.id)
                raise
        return replace(allocation, vm=vm)

    async def release(self, vm_id: VmId) -> None:
        """Release."""
        await self.provider.release(vm_id)
        self.sightings.append(Sighting(Sight.RELEASED, vm_id))

    async def held_vms(self) -> Sequence[VmId]:
        """List what the watched provider holds."""
        return await self.provider.held_vms()


async def ask(vm: Vm, script: str) -> str:
    """Run a script in a VM's own root, as steps run theirs: from a file, with variables for the directories."""
    places = {"GITHUB_WORKSPACE": f"{vm.work_root}/verify/verify", "RUNNER_TEMP": f"{vm.work_root}/_temp"}
    output = b""
    path = f"{vm.work_root}/verify.sh"
    command = Command(("/bin/bash", path), env={**vm.environment, **places}, files={path: script.encode()})
    async with vm.exec(command) as execution:
        async for _, data in execution:
            output += data
    return output.decode(errors="replace")


class WitnessedRoot:
    """A root whose commands are written down."""

    def __init__(self, root: Root, vm_id: VmId, sightings: list[Sighting]) -> None:
        """Watch `root`, which is in the VM `vm_id`."""
        self._root = root
        self._vm_id = vm_id
        self._sightings = sightings

    @property
    def work_root(self) -> str:
        """The root's work root."""
        return self._root.work_root

    @property
    def scratch_root(self) -> str:
        """The root's scratch root."""
        return self._root.scratch_root

    @property
    def environment(self) -> Mapping[str, str]:
        """The root's environment."""
        return self._root.environment

    @asynccontextmanager
    async def exec(self, command: Command) -> AsyncIterator[Execution]:
        """Execute."""
        self._sightings.append(Sighting(Sight.COMMAND, self._vm_id))
        try:
            async with self._root.exec(command) as execution:
                yield execution
        finally:
            self._sightings.append(Sighting(Sight.COMMAND_ENDED, self._vm_id))

    async def put_file(
        self, path: str, chunks: AsyncIterable[bytes], *, mode: int = 0o644, user: str = "root"
    ) -> None:
        """Write a file."""
        await self._root.put_file(path, chunks, mode=mode, user=user)

    async def make_directories(self, paths: Sequence[str], *, user: str = "root") -> None:
        """Make directories: a command that the agent executes itself."""
        self._sightings.append(Sighting(Sight.COMMAND, self._vm_id))
        try:
            await self._root.make_directories(paths, user=user)
        finally:
            self._sightings.append(Sighting(Sight.COMMAND_ENDED, self._vm_id))

    def get_file(self, path: str) -> AbstractAsyncContextManager[AsyncIterator[bytes]]:
        """Read a file."""
        return self._root.get_file(path)

    async def put_tree(self, tree: Tree, placement: TreePlacement) -> None:
        """Ship a tree."""
        await self._root.put_tree(tree, placement)

    async def get_tree(self, path: str, destination: Path) -> None:
        """Fetch a directory."""
        await self._root.get_tree(path, destination)

    async def breaches(self) -> Sequence[Breach]:
        """Tell which limits were met."""
        return await self._root.breaches()


class WitnessedVm(WitnessedRoot):
    """A VM whose commands are written down, those in its jobs' roots included."""

    def __init__(self, vm: Vm, sightings: list[Sighting]) -> None:
        """Watch `vm`."""
        super().__init__(vm, vm.id, sightings)
        self._vm = vm

    @property
    def id(self) -> VmId:
        """The VM's id."""
        return self._vm.id

    @asynccontextmanager
    async def open_root(self, spec: RootSpec) -> AsyncIterator[Root]:
        """Make a root that is watched too."""
        async with self._vm.open_root(spec) as root:
            yield WitnessedRoot(root, self.id, self._sightings)
