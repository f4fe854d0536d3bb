"""The port `Vm` on a link."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from terraphim_runner.link.execution import start_execution
from terraphim_runner.link.file_transfer import get_file, put_file
from terraphim_runner.link.root import find_breaches, keep_root, measure_root
from terraphim_runner.link.tree_transfer import get_tree, put_tree

if TYPE_CHECKING:
    from collections.abc import AsyncIterable, AsyncIterator, Mapping, Sequence
    from contextlib import AbstractAsyncContextManager
    from pathlib import Path

    from terraphim_runner.domain.ident import VmId
    from terraphim_runner.link.execution import LinkExecution
    from terraphim_runner.link.guest_link import GuestLink
    from terraphim_runner.ports.vm import Breach, Command, RootSpec, Tree, TreePlacement


_SCRATCH_ROOT = "/run/runner"  # each job's root has a /run of its own, a tmpfs
ShipTree = Callable[["GuestLink", "Tree", "TreePlacement", str], Awaitable[None]]  # the last: a root's name


class LinkRoot:
    """A root of the VM at the other end of a link: the one of this name, or the machine's own."""

    def __init__(
        self,
        link: GuestLink,
        *,
        work_root: str,
        environment: Mapping[str, str],
        ship_tree: ShipTree = put_tree,
        name: str = "",
        sharers: int = 1,
    ) -> None:
        """Take a link after its handshake; `ship_tree` is the provider's way, if it has a better one than tar."""
        self._link = link
        self._name = name
        self._sharers = sharers
        self._work_root = work_root
        self._environment = dict(environment)
        self._ship_tree = ship_tree

    @property
    def work_root(self) -> str:
        """Where workspaces go."""
        return self._work_root

    @property
    def scratch_root(self) -> str:
        """Where small files go: a directory in memory, in a root that has been made for a job."""
        return _SCRATCH_ROOT if self._name else f"{self._work_root}/_scratch"

    @property
    def environment(self) -> Mapping[str, str]:
        """What every command of a workflow needs in its environment."""
        return self._environment

    def exec(self, command: Command) -> AbstractAsyncContextManager[LinkExecution]:
        """Start a command."""
        return start_execution(self._link, command, self._name)

    async def put_file(
        self, path: str, chunks: AsyncIterable[bytes], *, mode: int = 0o644, user: str = "root"
    ) -> None:
        """Write a file whole or not at all."""
        await put_file(self._link, path, chunks, mode=mode, user=user, root=self._name)

    async def make_directories(self, paths: Sequence[str], *, user: str = "root") -> None:
        """Make directories in this order; all of them are asked for at once."""
        await self._link.make_directories(paths, user, self._name)

    def get_file(self, path: str) -> AbstractAsyncContextManager[AsyncIterator[bytes]]:
        """Read a file as a stream."""
        return get_file(self._link, path, self._name)

    async def put_tree(self, tree: Tree, placement: TreePlacement) -> None:
        """Ship a work tree."""
        await self._ship_tree(self._link, tree, placement, self._name)

    async def get_tree(self, path: str, destination: Path) -> None:
        """Bring a directory of the guest into `destination`."""
        await get_tree(self._link, path, destination, self._name)

    async def breaches(self) -> Sequence[Breach]:
        """Tell which limits its processes have met; the machine's own root has none."""
        return find_breaches(await measure_root(self._link, self._name), self._sharers) if self._name else ()


class LinkVm(LinkRoot):
    """A VM whose agent is at the other end of a link."""

    def __init__(
        self,
        vm_id: VmId,
        link: GuestLink,
        *,
        work_root: str,
        environment: Mapping[str, str],
        ship_tree: ShipTree = put_tree,
    ) -> None:
        """Take a link after its handshake."""
        super().__init__(link, work_root=work_root, environment=environment, ship_tree=ship_tree)
        self._id = vm_id

    @property
    def id(self) -> VmId:
        """Which VM this is."""
        return self._id

    @property
    def link(self) -> GuestLink:
        """Give the conversation with the agent, for the provider."""
        return self._link

    @asynccontextmanager
    async def open_root(self, spec: RootSpec) -> AsyncIterator[LinkRoot]:
        """Have a root made; kill what is in it and remove it at the end."""
        async with keep_root(self._link, spec):
            yield LinkRoot(
                self._link,
                work_root=self._work_root,
                environment=self._environment,
                ship_tree=self._ship_tree,
                name=spec.name,
                sharers=1 if spec.memory_mib else spec.sharers,
            )
