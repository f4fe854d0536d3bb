"""What a monitor makes of a VMM that goes away. The VMM here is a script."""

from __future__ import annotations

import json
import os
import socket as sockets
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import anyio
import pytest

from terraphim_runner.adapters.qemu.monitor import Monitor, open_monitor
from terraphim_runner.domain.errors import InfraError

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

pytestmark = pytest.mark.anyio

GREETING = {"QMP": {"version": {"qemu": {"micro": 0, "minor": 2, "major": 7}, "package": ""}, "capabilities": []}}


def event(status: str) -> dict[str, Any]:
    return {
        "event": "MIGRATION",
        "data": {"status": status},
        "timestamp": {"seconds": 1, "microseconds": 0},
    }


class ScriptedVmm:
    """A monitor's other end: says yes to everything, and after `migrate` what it was told to say."""

    def __init__(self, socket: sockets.socket, *afterwards: dict[str, Any]) -> None:
        self._socket = socket
        self._afterwards = afterwards

    async def run(self) -> None:
        """Answer until `migrate` was; then hang up."""
        with self._socket:
            self._say(GREETING)
            name = ""
            while name != "migrate":
                await anyio.wait_readable(self._socket)
                received = self._socket.recv(65536)  # one command: the client waits for each answer
                if not received.strip():  # what carries a descriptor
                    continue
                command = json.loads(received)
                self._say({"return": {}} | {key: command[key] for key in command.keys() & {"id"}})
                name = command["execute"]
            self._say(*self._afterwards)

    def _say(self, *messages: dict[str, Any]) -> None:
        for message in messages:
            self._socket.sendall(json.dumps(message).encode() + b"\r\n")


@asynccontextmanager
async def monitored(*afterwards: dict[str, Any]) -> AsyncIterator[Monitor]:
    ours, theirs = sockets.socketpair()
    with anyio.fail_after(20):
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(ScriptedVmm(theirs, *afterwards).run)
            async with open_monitor(ours) as monitor:
                yield monitor


@pytest.fixture
def state_fd() -> Iterator[int]:
    fd = os.memfd_create("state")
    yield fd
    os.close(fd)


async def test_a_device_state_is_saved_when_the_vmm_says_so(state_fd: int) -> None:
    async with monitored(event("active"), event("completed")) as monitor:
        await monitor.save(state_fd)


async def test_a_device_state_that_the_vmm_cannot_save_is_an_error(state_fd: int) -> None:
    async with monitored(event("failed")) as monitor:
        with pytest.raises(InfraError, match="could not save"):
            await monitor.save(state_fd)


async def test_a_vmm_that_goes_away_while_it_saves_its_device_state_is_not_waited_for(state_fd: int) -> None:
    async with monitored(event("active")) as monitor:
        with pytest.raises(InfraError, match="went away"):
            await monitor.save(state_fd)


async def test_events_that_nobody_reads_are_not_kept(state_fd: int) -> None:
    """There are some for every pause and every change of a VM's clock, for as long as it lives."""
    async with monitored(event("active"), event("completed")) as monitor:
        await monitor.save(state_fd)

        assert monitor._client.events.history == ()
