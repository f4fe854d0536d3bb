"""QMP, over a socket pair that the VMM inherited: no socket file, nothing to clean up."""

from __future__ import annotations

import os
from contextlib import asynccontextmanager, contextmanager, suppress
from typing import TYPE_CHECKING, Any

import anyio
from qemu.qmp import EventListener, Message, QMPClient, QMPError, Runstate

from terraphim_runner.domain.errors import InfraError
from terraphim_runner.link.single_error import single_error

if TYPE_CHECKING:
    import socket
    from collections.abc import AsyncIterator, Iterator

_IGNORE_SHARED = {"capability": "x-ignore-shared", "state": True}
_HUNG_UP = "hung up"
_EVENTS = {"capability": "events", "state": True}


class Monitor:
    """What we ask of a VMM. Every method raises `InfraError` when the VMM refuses or is gone."""

    def __init__(self, client: QMPClient) -> None:
        """Use `open_monitor`."""
        self._client = client

    async def load(self, state_fd: int) -> None:
        """Begin to load a device state, by the number `state_fd` has in the VMM; the guest runs when it is loaded.

        A state that cannot be loaded ends the VMM.
        """
        await self._ask("migrate-set-capabilities", {"capabilities": [_IGNORE_SHARED]})
        await self._ask("migrate-incoming", {"uri": f"fd:{state_fd}"})

    async def pause(self) -> None:
        """Stop the guest's processors."""
        await self._ask("stop", {})

    async def resume(self) -> None:
        """Let the guest's processors go on."""
        await self._ask("cont", {})

    async def save(self, state_fd: int) -> None:
        """Stop the guest, flush its disks and save its device state, all at one instant.

        The state remembers a running guest, so that whoever loads it runs at once.
        """
        with self._client.listener("MIGRATION") as events, _translated("saving the device state"):
            await self._ask("migrate-set-capabilities", {"capabilities": [_IGNORE_SHARED, _EVENTS]})
            self._client.send_fd_scm(state_fd)
            await self._ask("getfd", {"fdname": "state"})
            await self._ask("migrate", {"uri": "fd:state"})
            with single_error():
                async with anyio.create_task_group() as tasks:
                    tasks.start_soon(self._tell_hang_up, events)
                    await _wait_saved(events)
                    tasks.cancel_scope.cancel()

    async def limit_io(self, mib_s: int | None) -> None:
        """Limit what the guest reads and writes on its root disk together; none: there is no limit."""
        if mib_s is not None:
            device = await self._root_disk()
            limits = dict.fromkeys(("bps_rd", "bps_wr", "iops", "iops_rd", "iops_wr"), 0)
            await self._ask("block_set_io_throttle", {"id": device, "bps": mib_s << 20, **limits})

    async def _root_disk(self) -> str:
        disks = await self._ask("query-block", {})
        return str(next(disk["qdev"] for disk in disks if disk["inserted"]["drv"] == "qcow2"))

    async def written_bytes(self) -> int:
        """Tell how much the guest wrote to its disks."""
        return sum(disk["stats"]["wr_bytes"] for disk in await self._ask("query-blockstats", {}))

    async def _tell_hang_up(self, events: EventListener) -> None:
        """Add the end, of which listeners learn nothing else: they would wait for ever."""
        while self._client.runstate is Runstate.RUNNING:
            await self._client.runstate_changed()
        await events.put(Message({"event": "MIGRATION", "data": {"status": _HUNG_UP}}))

    async def _ask(self, command: str, arguments: dict[str, Any]) -> Any:
        with _translated(command):
            return await self._client.execute(command, arguments)


@asynccontextmanager
async def open_monitor(connection: socket.socket) -> AsyncIterator[Monitor]:
    """Connect to a VMM's QMP; owns the socket.

    Raises:
        InfraError: the VMM does not answer.
    """
    client = QMPClient(f"vmm-{os.getpid()}")
    client.events.event_filter = _is_wanted
    with _translated("the greeting"):
        await client.connect(connection)
    try:
        yield Monitor(client)
    finally:
        with suppress(QMPError, EOFError, OSError):  # the VMM may well be gone
            await client.disconnect()


def _is_wanted(_: Message) -> bool:
    """Refuse what nobody listens to: it would be kept for as long as the VM lives."""
    return False


async def _wait_saved(events: EventListener) -> None:
    async for event in events:
        data: Any = event["data"]
        status = data["status"]
        if status == "completed":
            return
        if status == "failed":
            raise InfraError("the VMM could not save its device state")
        if status == _HUNG_UP:
            raise InfraError("the VMM went away while it saved its device state")


@contextmanager
def _translated(what: str) -> Iterator[None]:
    try:
        yield
    except (QMPError, EOFError, OSError) as exc:
        raise InfraError(f"the VMM failed at {what}: {str(exc) or type(exc).__name__}") from exc
