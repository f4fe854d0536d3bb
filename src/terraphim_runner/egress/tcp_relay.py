"""Carry TCP connections of a guest to where they wanted to go, if they may."""

from __future__ import annotations

import socket
import struct
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import anyio

from terraphim_runner.egress.stream import accept, connect, receive, send
from terraphim_runner.egress.told_name import Unsettled, proxy_request, told_name

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from terraphim_runner.egress.guard import Errand, Guard
    from terraphim_runner.ports.clock import Clock

_CONNECT_TIMEOUT_S = 30.0
_MOST_CONNECTIONS = 200  # at once, of one VM, the others wait: each takes two of this process's descriptors
_PAUSE_S = 0.1
_RESET, _IN_GOOD_ORDER = struct.pack("ii", 1, 0), struct.pack("ii", 0, 0)
_NAME_SERVICE = 53
_TLS = b"\x16"


class TcpRelay:
    """Serves the listener to which all of a guest's connections come."""

    def __init__(
        self,
        listener: socket.socket,
        guard: Guard,
        serve_names: Callable[[socket.socket], Awaitable[None]],
        clock: Clock,
    ) -> None:
        """Take the listener; `serve_names` answers questions to name servers."""
        self._clock = clock
        self._listener = listener
        self._guard = guard
        self._serve_names = serve_names
        self._places = anyio.Semaphore(_MOST_CONNECTIONS)

    async def serve(self) -> None:
        """Serve until cancelled."""
        async with anyio.create_task_group() as tasks:
            while True:
                await self._places.acquire()
                tasks.start_soon(self._serve_one, await self._accept())

    async def _accept(self) -> socket.socket:
        while True:
            try:
                return await accept(self._listener)
            except OSError:  # no descriptor is left: who wants a connection waits until there is one
                await self._clock.sleep_s(_PAUSE_S)

    async def _serve_one(self, guest: socket.socket) -> None:
        try:
            with guest, suppress(OSError):
                address, port = guest.getsockname()  # where the guest wanted to go
                if port == _NAME_SERVICE:
                    await self._serve_names(guest)
                else:
                    await self._carry(guest, self._guard.judge("tcp", address, port))
        finally:
            self._places.release()

    async def _carry(self, guest: socket.socket, errand: Errand) -> None:
        _on_close(guest, _RESET)  # unless it ends in good order
        if not errand.verdict.is_allowed:
            return
        try:
            where = (str(errand.destination.address), errand.destination.port)
            server = await connect(where, _CONNECT_TIMEOUT_S)
        except OSError as error:
            reason = "timed out" if isinstance(error, TimeoutError) else error.strerror
            self._guard.journal.write(replace(errand.entry, verdict="failed", reason=reason))
            return
        with server:
            await _Exchange(guest, server, errand, self._guard).run()


@dataclass(slots=True)
class _Exchange:
    """One connection that is under way."""

    guest: socket.socket
    server: socket.socket
    errand: Errand
    guard: Guard
    bytes_out: int = 0
    bytes_in: int = 0

    async def run(self) -> None:
        """Carry both ways until both are at their end, or one broke."""
        try:
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(self._both_or_none, self._send, tasks.cancel_scope)
                tasks.start_soon(self._both_or_none, self._receive, tasks.cancel_scope)
        finally:
            if self.errand.verdict.is_allowed:
                entry = replace(self.errand.entry, bytes_out=self.bytes_out, bytes_in=self.bytes_in)
                self.guard.journal.write(entry)

    async def _both_or_none(self, carry: Callable[[], Awaitable[bool]], scope: anyio.CancelScope) -> None:
        is_in_good_order = False
        with suppress(OSError):
            is_in_good_order = await carry()
        if not is_in_good_order:
            _on_close(self.guest, _RESET)
            scope.cancel()

    async def _send(self) -> bool:
        held = await (self._ask_proxy() if self.errand.verdict.is_by_proxy else self._hear())
        if not self.errand.verdict.is_allowed:
            return False
        while held:
            await self._pass_on(held)
            held = await receive(self.guest)
        self.server.shutdown(socket.SHUT_WR)
        return True

    async def _pass_on(self, data: bytes) -> None:
        await send(self.server, data)
        self.bytes_out += len(data)
        self.guard.journal.count(bytes_out=len(data))

    async def _ask_proxy(self) -> bytes:
        """Pass requests on one by one, for each may be for another server; give what begins a tunnel."""
        held = b""
        while True:
            request = proxy_request(held)
            if isinstance(request, Unsettled):
                data = await receive(self.guest)
                if not data:
                    return held and self._refuse()
                held += data
                continue
            if request is None:
                return self._refuse()
            self.errand = self.guard.hear(self.errand, request.name)
            if not self.errand.verdict.is_allowed:
                return b""
            await self._pass_on(held[: request.size])
            held = held[request.size :]
            if request.is_tunnel:
                held = held or await receive(self.guest)
                # A proxy that refused the tunnel would take another request for one: it takes TLS for none.
                return held if held[:1] in {b"", _TLS} else self._refuse()

    def _refuse(self) -> bytes:
        self.errand = self.guard.hear(self.errand, None)
        return b""

    async def _hear(self) -> bytes:
        """Hold the first bytes back until they have told, or cannot tell, what is called."""
        held, name = b"", told_name(b"")
        while isinstance(name, Unsettled):
            data = await receive(self.guest)
            held += data
            name = told_name(held) if data else None
        self.errand = self.guard.hear(self.errand, name)
        return held

    async def _receive(self) -> bool:
        while data := await receive(self.server):
            await send(self.guest, data)
            self.bytes_in += len(data)
            self.guard.journal.count(bytes_in=len(data))
        _on_close(self.guest, _IN_GOOD_ORDER)
        self.guest.shutdown(socket.SHUT_WR)
        return True


def _on_close(sock: socket.socket, how: bytes) -> None:
    with suppress(OSError):  # it may be closed
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, how)
