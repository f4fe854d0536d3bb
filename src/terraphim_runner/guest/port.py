"""The byte stream to the host: a virtio-serial port, or a socket."""

from __future__ import annotations

import os
from select import EPOLLET, EPOLLIN, EPOLLOUT, POLLIN, poll

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from terraphim_runner.guest.loop import Loop

PORT_NAME = "org.terraphim.agent"

_PORTS = "/sys/class/virtio-ports"
_READ_SIZE = 32 * 1024  # from 128 KiB on, every read maps and unmaps its buffer: five times slower
_WRITE_SIZE = 32 * 1024  # the most that a virtio-serial port takes at once
_ROOM = 256 * 1024
_SMALL = 4096
_POLL_MS = 2


class Port:
    """Reads whatever the host sends; writes in order, and tells its users when to pause.

    Watched edge by edge: a virtio-serial port without a host reports a hang-up for as long as that lasts.
    """

    def __init__(
        self, loop: Loop, fd: int, *, on_bytes: Callable[[bytes], None], on_hang_up: Callable[[], None]
    ) -> None:
        """Take the descriptor; `on_hang_up` is called at every end of the host's half."""
        self._loop = loop
        self._fd = fd
        self._on_bytes = on_bytes
        self._on_hang_up = on_hang_up
        self._out: list[bytes] = []
        self._at = 0  # how much of the first is written
        self._size = 0
        self._is_flush_due = False
        self._waiting: list[Callable[[], None]] = []
        os.set_blocking(fd, False)
        self._readiness = poll()
        self._readiness.register(fd, POLLIN)
        loop.watch(fd, EPOLLIN | EPOLLOUT | EPOLLET, self._on_event)

    @property
    def has_room(self) -> bool:
        """Tell whether more should be written now."""
        return self._size < _ROOM

    def call_at_room(self, call: Callable[[], None]) -> None:
        """Call once when there is room."""
        self._waiting.append(call)

    def write(self, data: bytes) -> None:
        """Write, at the end of the loop's turn, together with what else that turn writes."""
        if self._out and not self._at and len(self._out[-1]) < _SMALL:
            self._out[-1] += data
        else:
            self._out.append(data)
        self._size += len(data)
        if not self._is_flush_due:
            self._is_flush_due = True
            self._loop.call_soon(self._flush)

    def drop(self) -> None:
        """Forget what was not written: nobody is there to read it."""
        self._forget()
        self._wake()

    def _on_event(self, events: int) -> None:
        if events & ~EPOLLOUT:
            self._read()
        self._flush()

    def _read(self) -> None:
        while self._readiness.poll(0):  # asked first: an exception is 480 blocks of code that is cold in a clone
            try:
                data = os.read(self._fd, _READ_SIZE)
            except BlockingIOError:
                return
            except OSError:
                data = b""
            if not data:
                self._on_hang_up()
                return
            self._on_bytes(data)

    def _flush(self) -> None:
        self._is_flush_due = False
        try:
            while self._out:
                chunk = self._out[0]
                is_small = not self._at and len(chunk) <= _WRITE_SIZE
                sent = os.write(self._fd, chunk if is_small else chunk[self._at : self._at + _WRITE_SIZE])
                self._size -= sent
                self._at += sent
                if self._at == len(chunk):
                    del self._out[0]
                    self._at = 0
        except BlockingIOError:
            pass
        except OSError:
            self._forget()  # the host is gone; reading tells
        self._wake()

    def _forget(self) -> None:
        self._out = []
        self._at = self._size = 0

    def _wake(self) -> None:
        if self._waiting and self.has_room:
            waiting, self._waiting = self._waiting, []
            for call in waiting:
                self._loop.call_soon(call)


def open_virtio_port() -> int:
    """Open the agent's virtio-serial port; waits for it to appear."""
    while (device := _find_virtio_port()) is None:
        poll().poll(_POLL_MS)
    return os.open(f"/dev/{device}", os.O_RDWR | os.O_NONBLOCK | os.O_CLOEXEC)


def _find_virtio_port() -> str | None:
    try:
        for device in os.listdir(_PORTS):
            with open(f"{_PORTS}/{device}/name", encoding="ascii") as file:
                if file.read().strip() == PORT_NAME and os.path.exists(f"/dev/{device}"):
                    return device
    except OSError:
        pass
    return None
