"""The provider `process`."""

from __future__ import annotations

import os
import time
from contextlib import AsyncExitStack
from typing import TYPE_CHECKING, Self

import anyio
from anyio import to_thread

from terraphim_runner.adapters.process.machine import Machine
from terraphim_runner.adapters.process.slot import take_abandoned, take_slot
from terraphim_runner.domain.errors import StateError
from terraphim_runner.link.guest_link import LinkSettings
from terraphim_runner.link.single_error import single_error
from terraphim_runner.ports.vm import Allocation, AllocationSource

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path
    from types import TracebackType

    from anyio.abc import TaskGroup

    from terraphim_runner.domain.ident import VmId
    from terraphim_runner.ports.vm import AllocationRequest

ISOLATION_WARNING = (
    "The provider `process` isolates nothing: steps run as your user, on this machine, "
    "and can read and change everything you can."
)


_PASSED_ON = frozenset(
    [
        "PATH",
        "HOME",
        "USER",
        "LOGNAME",
        "SHELL",
        "LANG",
        "LANGUAGE",
        "LC_ALL",
        "LC_CTYPE",
        "TZ",
        "TMPDIR",
        "HTTP_PROXY",
        "HTTPS_PROXY",
        "NO_PROXY",
        "ALL_PROXY",
        "FTP_PROXY",
        "SSL_CERT_FILE",
        "SSL_CERT_DIR",
        "REQUESTS_CA_BUNDLE",
        "CURL_CA_BUNDLE",
        "NODE_EXTRA_CA_CERTS",
        "GIT_SSL_CAINFO",
        "PIP_CERT",
        "PIP_INDEX_URL",
        "PIP_EXTRA_INDEX_URL",
        "PIP_CONFIG_FILE",
        "UV_INDEX_URL",
        "NPM_CONFIG_REGISTRY",
    ]
)


class ProcessProvider:
    """Runs commands as plain processes of the runner's user: never for code that you do not trust.

    The size of the VM type is not enforced, and its image is not looked at.
    """

    isolation_warning = ISOLATION_WARNING

    def __init__(
        self, slots: Path, settings: LinkSettings | None = None, environ: Mapping[str, str] = os.environ
    ) -> None:
        """Keep slots in this directory, which all runners of this host share.

        Of the runner's environment, commands are offered what makes programs work here, and none of its secrets.
        """
        self._environment = {name: value for name, value in environ.items() if name.upper() in _PASSED_ON}
        self._slots = slots
        self._settings = settings or LinkSettings()
        self._machines: dict[VmId, Machine] = {}
        self._stack = AsyncExitStack()
        self._tasks: TaskGroup | None = None

    @property
    def name(self) -> str:
        """What the user types."""
        return "process"

    async def __aenter__(self) -> Self:
        """Get ready."""
        self._stack.enter_context(single_error())
        self._tasks = await self._stack.enter_async_context(anyio.create_task_group())
        self._stack.push_async_callback(self._release_all)
        return self

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Release every VM still held."""
        await self._stack.__aexit__(exc_type, exc, traceback)

    async def allocate(self, request: AllocationRequest) -> Allocation:
        """Start an agent in a fresh directory."""
        del request  # no size to enforce, no image to boot
        if self._tasks is None:
            raise StateError("a provider allocates inside its `async with` only")
        started = time.perf_counter()
        with anyio.CancelScope(shield=True):  # short, and a slot half taken would be lost
            machine = Machine(await to_thread.run_sync(take_slot, self._slots))
        self._machines[machine.vm_id] = machine
        try:
            vm = await machine.start(self._tasks, self._settings, self._environment)
        except BaseException:
            await self.release(machine.vm_id)
            raise
        return Allocation(
            vm=vm,
            source=AllocationSource.BOOTED,
            is_reused_slot=machine.vm_id.generation > 1,
            duration_s=time.perf_counter() - started,
        )

    async def release(self, vm_id: VmId) -> None:
        """End the VM's processes, remove its files, free its slot."""
        machine = self._machines.get(vm_id)
        if machine is None:
            slot = await to_thread.run_sync(take_abandoned, self._slots, vm_id)
            if slot is None:
                return
            machine = Machine(slot)
        await machine.destroy()
        self._machines.pop(vm_id, None)

    async def held_vms(self) -> Sequence[VmId]:
        """List the VMs held now."""
        return tuple(self._machines)

    async def _release_all(self) -> None:
        with anyio.CancelScope(shield=True):
            async with anyio.create_task_group() as tasks:
                for vm_id in tuple(self._machines):
                    tasks.start_soon(self.release, vm_id)
