"""Sockets that do not block, waited for by the event loop."""

from __future__ import annotations

import os
import socket
from contextlib import suppress

import anyio
from anyio.lowlevel import checkpoint

_PIECE = 256 * 1024


Place = tuple[str, int]  # an address and a port


def family_of(where: Place) -> socket.AddressFamily:
    """Tell which kind of address it is."""
    return socket.AF_INET6 if ":" in where[0] else socket.AF_INET


async def connect(where: Place, timeout_s: float) -> socket.socket:
    """Connect to a server.

    Raises:
        OSError: it cannot be reached; `TimeoutError`, which is one, if it does not answer in time.
    """
    sock = socket.socket(family_of(where), socket.SOCK_STREAM)
    try:
        sock.setblocking(False)
        with anyio.fail_after(timeout_s):
            await _connect(sock, where)
    except BaseException:
        sock.close()
        raise
    return sock


async def accept(listener: socket.socket) -> socket.socket:
    """Take the next connection."""
    await checkpoint()
    while True:
        with suppress(BlockingIOError):
            connection, _ = listener.accept()
            connection.setblocking(False)
            return connection
        await anyio.wait_readable(listener)


async def receive(sock: socket.socket, size: int = _PIECE) -> bytes:
    """Take what there is, once there is something; nothing at the end."""
    await checkpoint()  # who sends without a pause must not keep all others from their turn
    while True:
        with suppress(BlockingIOError):
            return sock.recv(size)
        await anyio.wait_readable(sock)


async def receive_exactly(sock: socket.socket, size: int) -> bytes:
    """Take so many bytes.

    Raises:
        EOFError: there are no more.
    """
    data = b""
    while len(data) < size:
        piece = await receive(sock, size - len(data))
        if not piece:
            raise EOFError
        data += piece
    return data


async def send(sock: socket.socket, data: bytes) -> None:
    """Send all of it."""
    rest = memoryview(data)
    while rest:
        try:
            rest = rest[sock.send(rest) :]
        except BlockingIOError:
            await anyio.wait_writable(sock)


async def _connect(sock: socket.socket, where: Place) -> None:
    with suppress(BlockingIOError):
        sock.connect(where)
        return
    await anyio.wait_writable(sock)
    if error := sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR):
        raise OSError(error, os.strerror(error))
