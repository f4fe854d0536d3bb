"""An agent as a process of this host, with a private directory."""

from __future__ import annotations

import os
import shutil
import socket as sockets
import subprocess
import sys
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import anyio
from anyio import to_thread

import terraphim_runner
from terraphim_runner.adapters.process.slot import remove
from terraphim_runner.domain.errors import HostError
from terraphim_runner.link.guest_link import run_link
from terraphim_runner.link.link_vm import LinkRoot, LinkVm

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping

    from anyio.abc import Process, TaskGroup

    from terraphim_runner.adapters.process.slot import Slot
    from terraphim_runner.domain.ident import VmId
    from terraphim_runner.link.guest_link import LinkSettings
    from terraphim_runner.ports.vm import RootSpec

_PACKAGE_ROOT = str(Path(terraphim_runner.__file__).parent.parent)
_START = (
    f"import sys; sys.path.insert(0, {_PACKAGE_ROOT!r}); "
    "from terraphim_runner.guest.agent import main; main()"  # by name: no module imports the agent
)
_END_TIMEOUT_S = 20.0


class ProcessVm(LinkVm):
    """A VM that is none: its roots are directories, and differ in nothing else."""

    @asynccontextmanager
    async def open_root(self, spec: RootSpec) -> AsyncIterator[LinkRoot]:
        """Give a job a directory of its own, and remove it at the end."""
        root = LinkRoot(self.link, work_root=f"{self.work_root}/{spec.name}", environment=self.environment)
        try:
            yield root
        finally:
            with anyio.CancelScope(shield=True):
                await to_thread.run_sync(remove, Path(root.work_root))


class Machine:
    """What stands for a VM: a slot, and once it is started an agent and the link to it."""

    def __init__(self, slot: Slot) -> None:
        """Take a slot at a new generation; the machine's from now on."""
        self._slot = slot
        self._process: Process | None = None
        self.vm_id: VmId = slot.vm_id
        self.vm: LinkVm | None = None

    async def start(self, tasks: TaskGroup, settings: LinkSettings, environment: Mapping[str, str]) -> LinkVm:
        """Start the agent, and give the VM when it answers. Whatever happens, call `destroy`.

        Raises:
            HostError: no process can be started.
            InfraError: the agent does not answer.
        """
        ours, theirs = sockets.socketpair()
        try:
            with theirs:
                self._process = await _start_agent(theirs.fileno(), self._slot.machine)
        except BaseException:
            ours.close()
            raise
        self._slot.record_agent(self._process.pid)
        externals = await to_thread.run_sync(_provide_node, self._slot.machine / "externals")
        environment = {**environment, "TERRAPHIM_EXTERNALS": str(externals)}
        link = await tasks.start(run_link, ours, settings)
        self.vm = ProcessVm(self.vm_id, link, work_root=str(self._slot.machine / "work"), environment=environment)
        return self.vm

    async def destroy(self) -> None:
        """End the agent and everything below it, remove its files, free the slot; not to be cancelled.

        Raises:
            InfraError: it could not be done; the slot is still held, call again.
        """
        with anyio.CancelScope(shield=True):
            if self.vm is not None:
                self.vm.link.close()
            if self._process is not None:
                with anyio.move_on_after(_END_TIMEOUT_S):
                    await self._process.wait()
            await to_thread.run_sync(self._slot.clean)
            if self._process is not None:
                await self._process.aclose()
            self._slot.free()


def _provide_node(externals: Path) -> Path:
    """Let actions find this machine's Node.js, whatever version it is, where they would find theirs in a VM."""
    program = shutil.which("node")
    if program is not None:
        for name in ("node20", "node24"):
            directory = externals / name / "bin"
            directory.mkdir(parents=True)
            (directory / "node").symlink_to(program)
    return externals


async def _start_agent(fd: int, directory: Path) -> Process:
    argv = [sys.executable, "-I", "-S", "-c", _START, "--fd", str(fd), "--parent", str(os.getpid())]
    try:
        with (directory / "agent.log").open("wb") as log:
            return await anyio.open_process(
                argv,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd=directory,
                env={},
                pass_fds=(fd,),
                start_new_session=True,
            )
    except OSError as exc:
        raise HostError(f"cannot start an agent: {exc.strerror}") from exc
