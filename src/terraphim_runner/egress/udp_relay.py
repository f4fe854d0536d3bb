"""Carry datagrams of a guest, flow by flow, if they may; name servers' are not among them."""

from __future__ import annotations

import socket
import struct
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import anyio

from terraphim_runner.egress.stream import receive

if TYPE_CHECKING:
    from anyio.abc import TaskGroup

    from terraphim_runner.egress.guard import Errand, Guard
    from terraphim_runner.egress.stream import Place

_IDLE_S = 60.0
_MOST_FLOWS = 200  # at once, of one VM
_MOST_BYTES = 65507
_ORIGINAL_DESTINATION = 20  # IP_ORIGDSTADDR
_QUIC_PORT = 443


@dataclass(slots=True)
class _Flow:
    errand: Errand
    server: socket.socket
    bytes_out: int = 0
    bytes_in: int = 0


class UdpRelay:
    """Serves the socket to which all of a guest's datagrams come."""

    def __init__(self, incoming: socket.socket, outgoing: socket.socket, guard: Guard) -> None:
        """Take datagrams from `incoming`; `outgoing` is a raw socket, for answers in the servers' names."""
        self._incoming = incoming
        self._outgoing = outgoing
        self._guard = guard
        self._flows: dict[tuple[Place, Place], _Flow | None] = {}  # None: refused

    async def serve(self) -> None:
        """Serve until cancelled."""
        async with anyio.create_task_group() as tasks:
            while True:
                await anyio.wait_readable(self._incoming)
                with suppress(OSError):
                    data, information, _, guest = self._incoming.recvmsg(_MOST_BYTES, 64)
                    where = _original_destination(information)
                    self._forward(tasks, data, guest, where)

    def _forward(self, tasks: TaskGroup, data: bytes, guest: Place, where: Place) -> None:
        key = (guest, where)
        if key not in self._flows:
            if len(self._flows) >= _MOST_FLOWS:
                return
            self._flows[key] = self._open(where)
            tasks.start_soon(self._carry_back, key)
        flow = self._flows[key]
        if flow is not None:
            flow.server.send(data)
            flow.bytes_out += len(data)
            self._guard.journal.count(bytes_out=len(data))

    def _open(self, where: Place) -> _Flow | None:
        errand = self._guard.judge("udp", *where)
        if errand.verdict.is_by_name and where[1] == _QUIC_PORT:  # the name it calls is encrypted
            verdict = replace(errand.verdict, reason="QUIC's server names cannot be checked")
            errand = replace(errand, verdict=verdict)
            self._guard.journal.write(errand.entry)
        if not errand.verdict.is_allowed:
            return None
        return _Flow(errand, _connected(where))

    async def _carry_back(self, key: tuple[Place, Place]) -> None:
        guest, where = key
        flow = self._flows[key]
        try:
            if flow is None:
                with anyio.move_on_after(_IDLE_S):  # so long, its next datagrams are not logged again
                    await anyio.sleep_forever()
                return
            await self._receive(flow, guest, where)
        finally:
            del self._flows[key]
            if flow is not None:
                flow.server.close()
                entry = replace(flow.errand.entry, bytes_out=flow.bytes_out, bytes_in=flow.bytes_in)
                self._guard.journal.write(entry)

    async def _receive(self, flow: _Flow, guest: Place, where: Place) -> None:
        while True:
            before = flow.bytes_out
            with anyio.move_on_after(_IDLE_S), suppress(OSError):  # refused, filtered, unreachable
                data = await receive(flow.server, _MOST_BYTES)
                flow.bytes_in += len(data)
                self._guard.journal.count(bytes_in=len(data))
                self._outgoing.sendto(datagram(data, where, guest), (guest[0], 0))
                continue
            if flow.bytes_out == before:
                return


def _connected(where: Place) -> socket.socket:
    server = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    try:
        server.setblocking(False)
        server.connect(where)
    except OSError:  # there is no way
        server.close()
        raise
    return server


def datagram(data: bytes, source: Place, destination: Place) -> bytes:
    """Write an IP packet with a datagram in it; the kernel fills in what is zero."""
    udp = struct.pack("!4H", source[1], destination[1], 8 + len(data), 0)
    addresses = socket.inet_aton(source[0]) + socket.inet_aton(destination[0])
    return struct.pack("!BBHHHBBH", 0x45, 0, 0, 0, 0, 64, socket.IPPROTO_UDP, 0) + addresses + udp + data


def _original_destination(information: list[tuple[int, int, bytes]]) -> Place:
    for _, kind, data in information:
        if kind == _ORIGINAL_DESTINATION:
            port, address = struct.unpack_from("!2xH4s", data)
            return socket.inet_ntoa(address), port
    raise OSError("a datagram came without its destination")
