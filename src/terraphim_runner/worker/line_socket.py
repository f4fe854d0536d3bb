"""JSON objects, one a line, over a unix socket between processes of one user."""

from __future__ import annotations

import json
import os
import socket as sockets
import struct
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import anyio

from terraphim_runner.domain.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator
    from pathlib import Path

PROTOCOL = 1  # raise when an older end would misunderstand
_SOCKET = "worker.socket"
_RECEIVE_SIZE = 64 * 1024
_LINE_LIMIT = 64 * 1024 * 1024
_LONGEST_PATH = 107


class LineSocket:
    """One end. The socket blocks: whoever sends much does it in a thread; reading waits for what is there."""

    def __init__(self, socket: sockets.socket) -> None:
        """Take a connected socket, which is this one's from now on."""
        self.socket = socket
        self._rest = b""

    def send(self, message: dict[str, Any]) -> None:
        """Send a short message.

        Raises:
            OSError: the other end is gone.
        """
        self.socket.sendall(line_of(message).encode())

    async def messages(self) -> AsyncIterator[dict[str, Any]]:
        """Give what comes, until the other end hangs up.

        Raises:
            ValueError: it is no JSON object, or a line without end.
        """
        while True:
            *lines, self._rest = self._rest.split(b"\n")
            for line in lines:
                message = json.loads(line)
                if not isinstance(message, dict):
                    raise ValueError("a message is no object")  # noqa: TRY004  # of JSON
                yield message
            if len(self._rest) > _LINE_LIMIT:
                raise ValueError("a line without end")
            await anyio.wait_readable(self.socket)
            data = self._receive()
            if not data:
                return
            self._rest += data

    @property
    def peer_uid(self) -> int:
        """Tell whose process is at the other end, as the kernel knows it."""
        size = struct.calcsize("3i")
        _, uid, _ = struct.unpack("3i", self.socket.getsockopt(sockets.SOL_SOCKET, sockets.SO_PEERCRED, size))
        return int(uid)

    def close(self) -> None:
        """Hang up; may be called again."""
        self.socket.close()

    def _receive(self) -> bytes:
        try:
            return self.socket.recv(_RECEIVE_SIZE)
        except ConnectionError:
            return b""


def line_of(message: dict[str, Any]) -> str:
    """Write a message as a line of pure ASCII."""
    return json.dumps(message, separators=(",", ":")) + "\n"


def socket_path(state_dir: Path) -> Path:
    """Tell where a worker listens.

    Raises:
        UsageError: the kernel takes no path of that length.
    """
    path = state_dir / _SOCKET
    if len(os.fsencode(path)) > _LONGEST_PATH:
        raise UsageError(f"{path} is too long for a socket", hint="set a shorter state_dir")
    return path


def connect(state_dir: Path) -> LineSocket | None:
    """Connect to the worker of a state directory, if there is one."""
    path = state_dir / _SOCKET
    if not path.exists() or len(os.fsencode(path)) > _LONGEST_PATH:
        return None
    socket = sockets.socket(sockets.AF_UNIX, sockets.SOCK_STREAM)
    try:
        socket.connect(str(path))
    except OSError:  # a socket that a worker left when it was killed, or another user's
        socket.close()
        return None
    return LineSocket(socket)


@contextmanager
def listening(state_dir: Path) -> Iterator[sockets.socket]:
    """Listen where clients look; only this user may connect. The caller must be the only worker there."""
    path = socket_path(state_dir)
    path.unlink(missing_ok=True)
    with sockets.socket(sockets.AF_UNIX, sockets.SOCK_STREAM) as listener:
        before = os.umask(0o177)
        try:
            listener.bind(str(path))
        finally:
            os.umask(before)
        listener.listen()
        try:
            yield listener
        finally:
            path.unlink(missing_ok=True)
