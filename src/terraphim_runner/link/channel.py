"""The host's end of one request."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

import anyio

from terraphim_runner.wire.error import WireError
from terraphim_runner.wire.message import (
    Closed,
    Credit,
    Data,
    Done,
    End,
    Exited,
    Failed,
    Message,
    Pong,
    Started,
    Usage,
)
from terraphim_runner.wire.window import INITIAL_WINDOW, PIECE, ReceiveWindow, SendWindow

if TYPE_CHECKING:
    from collections.abc import Callable

    from terraphim_runner.domain.errors import InfraError


class Changes:
    """Wakes everybody who waits for something to change."""

    def __init__(self) -> None:
        """Start with nobody waiting."""
        self._event = anyio.Event()

    def notify(self) -> None:
        """Wake all who wait now."""
        self._event.set()
        self._event = anyio.Event()

    async def wait(self) -> None:
        """Wait for the next `notify`."""
        await self._event.wait()


class Channel:
    """What the guest said on one channel, and who waits for it.

    `deliver` and `fail` are the reader's; the rest is the caller's. Memory is bounded by the window.
    """

    def __init__(self, number: int, send: Callable[[Message], None], window: int) -> None:
        """Take the link's way of sending, and the window that the request gives the guest."""
        self.number = number
        self.exited: Exited | None = None
        self.failed: Failed | None = None
        self.usage: Usage | None = None
        self.is_started = False
        self.is_ended = False
        self.is_answered = False
        self.is_closed = False
        self._send = send
        self._data: deque[Data] = deque()
        self._incoming = ReceiveWindow(window)
        self._outgoing = SendWindow(INITIAL_WINDOW)
        self._changes = Changes()
        self._failure: Callable[[], InfraError] | None = None

    def deliver(self, message: Message) -> None:
        """Take what the guest said.

        Raises:
            WireError: it may not be said on this channel, or now.
        """
        match message:
            case Data() if not self.is_ended:
                self._incoming.receive(len(message.content))
                self._data.append(message)
            case Credit():
                self._outgoing.grant(message.size)
            case End():
                self.is_ended = True
            case Exited():
                self.exited = message
            case Failed():
                self.failed = message
            case Started():
                self.is_started = True
            case Usage():
                self.usage = message
            case Done() | Pong():
                self.is_answered = True
            case Closed():
                self.is_closed = True
            case _:
                raise WireError(f"{message} may not be said here")
        self._changes.notify()

    def fail(self, failure: Callable[[], InfraError]) -> None:
        """Make everybody who waits raise; the guest is gone."""
        self._failure = failure
        self._changes.notify()

    async def wait_until(self, is_met: Callable[[], bool]) -> None:
        """Wait for a condition on this channel.

        Raises:
            InfraError: the guest is gone and the condition will never be met.
        """
        while not is_met():
            if self._failure is not None:
                raise self._failure()
            await self._changes.wait()

    async def next_data(self) -> Data | None:
        """Take the next piece of output, or nothing at its end or at a failure."""
        await self.wait_until(lambda: bool(self._data) or self.is_ended or self.failed is not None)
        if not self._data:
            return None
        data = self._data.popleft()
        if credit := self._incoming.consume(len(data.content)):
            self._send(Credit(self.number, credit))
        return data

    async def send_data(self, content: bytes) -> None:
        """Send data as the guest makes room; stop early when it failed the request or the command ended."""
        rest = memoryview(content)
        while rest and not self._is_deaf():
            await self.wait_until(lambda: self._outgoing.available > 0 or self._is_deaf())
            piece = bytes(rest[: min(len(rest), self._outgoing.available, PIECE)])
            self._outgoing.take(len(piece))
            self._send(Data(self.number, 0, piece))
            rest = rest[len(piece) :]

    def _is_deaf(self) -> bool:
        return self.failed is not None or self.exited is not None
