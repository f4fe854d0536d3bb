"""The connection to one agent: handshake, heartbeat, and who waits for which answer."""

from __future__ import annotations

import os
import secrets
import socket as sockets
from collections import deque
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

import anyio
from anyio import TASK_STATUS_IGNORED

from terraphim_runner.domain.errors import (
    BootTimeout,
    FileTransferFailed,
    GuestError,
    InfraError,
    MachineLost,
    StateError,
)
from terraphim_runner.link.channel import Changes, Channel
from terraphim_runner.link.conversation import Agent, Conversation
from terraphim_runner.link.patience import fail_after_running, never_stalled
from terraphim_runner.link.single_error import single_error
from terraphim_runner.wire.connection import NEWEST_VERSION, OLDEST_VERSION, Connection, check_version
from terraphim_runner.wire.error import FrameVersionUnknown, VersionMismatch, WireError
from terraphim_runner.wire.message import (
    Close,
    Fault,
    Hello,
    MakeDirectory,
    MountMailbox,
    Personalize,
    Ping,
    Ready,
    ReleaseMailbox,
    Sync,
)
from terraphim_runner.wire.window import INITIAL_WINDOW

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator, Sequence

    from anyio.abc import TaskStatus

    from terraphim_runner.link.patience import Stall
    from terraphim_runner.wire.message import Message

_RECEIVE_SIZE = 256 * 1024
_NOISE_LIMIT = 1024 * 1024
_OUTBOX_LIMIT = 1024 * 1024
_HELLO_INTERVAL_S = 0.5  # a greeting is lost if it meets the end of what an earlier host was sending
_REBUILD = "rebuild the image: terraphim-runner image build"


@dataclass(frozen=True, slots=True)
class LinkSettings:
    """How patient a link is, and how much it holds."""

    handshake_timeout_s: float = 60.0
    heartbeat_interval_s: float = 5.0
    heartbeat_timeout_s: float = 30.0  # without a byte from the guest while a ping is unanswered
    close_timeout_s: float = 30.0  # for the guest to kill a process tree
    linger_s: float = 5.0  # how long after a command's end others may hold its output open; GitHub's own figure
    window: int = INITIAL_WINDOW  # bytes of unread output held here per command


class GuestLink:
    """A conversation with an agent. Made by `open_link` or `run_link`; safe for any number of calls at once."""

    def __init__(
        self,
        socket: sockets.socket,
        settings: LinkSettings,
        conversation: Conversation | None = None,
        stall: Stall = never_stalled,
    ) -> None:
        """Take a connected stream socket, which is the link's from now on.

        With a conversation, go on with that one: there are no hands to shake. While the guest is stalled, no
        time-out of the link's runs.
        """
        socket.setblocking(False)
        self.settings = settings
        self._socket = socket
        self._stall = stall
        self._nonce = secrets.randbits(64)
        self._channels: dict[int, Channel] = {}
        self._agent: Agent | None
        if conversation is None:
            self._connection = Connection(Ready, _NOISE_LIMIT)
            self._agent, self._last_channel = None, 0
        else:
            counts = conversation.sent, conversation.expected
            self._connection = Connection(Ready, _NOISE_LIMIT, counts)
            self._agent, self._last_channel = conversation.agent, conversation.last_channel
        self._outbox: deque[bytes] = deque()
        self._outbox_size = 0
        self._changes = Changes()
        self._failure: Callable[[], InfraError] | None = None
        self._is_closing = False
        self._heard = 0
        self._is_paused = False

    # ------------------------------------------------------------ for callers
    @property
    def agent(self) -> Agent:
        """Tell what the agent said of itself."""
        if self._agent is None:
            raise MachineLost("the agent has not answered yet")
        return self._agent

    @property
    def conversation(self) -> Conversation:
        """Tell where the conversation stands.

        Raises:
            StateError: it has not begun, or is not at rest.
        """
        sent, expected = self._connection.counts
        if expected is None or self._channels or self._outbox:
            raise StateError("a conversation can be handed on only at rest")
        return Conversation(self.agent, sent, expected, self._last_channel)

    @property
    def failure(self) -> InfraError | None:
        """Tell why the link is of no use any more, if it is not."""
        return None if self._failure is None else self._failure()

    def close(self) -> None:
        """Hang up: every call raises `MachineLost`; the socket closes when the link's context or task ends."""
        self._is_closing = True
        self.fail(lambda: MachineLost("the link was closed"))

    def fail(self, failure: Callable[[], InfraError]) -> None:
        """Declare the guest lost, for the first of all reasons given."""
        if self._failure is None:
            self._failure = failure
            for channel in tuple(self._channels.values()):
                channel.fail(failure)
        self._changes.notify()

    async def wait_lost(self) -> InfraError:
        """Wait until the link is of no use any more, and tell why."""
        await self._wait_until(lambda: False, is_failure_fine=True)
        return self.failure or MachineLost()

    def open_channel(self) -> Channel:
        """Take a fresh channel; `forget` it, or `end_channel` it.

        Raises:
            InfraError: the guest is gone.
        """
        if self._failure is not None:
            raise self._failure()
        self._last_channel += 1
        channel = Channel(self._last_channel, self.send, self.settings.window)
        self._channels[channel.number] = channel
        return channel

    def forget(self, channel: Channel) -> None:
        """Drop a channel on which nothing happens any more; what still comes is dropped too."""
        self._channels.pop(channel.number, None)

    async def end_channel(self, channel: Channel) -> None:
        """End a channel, whatever happens on it, even when the caller is cancelled.

        A guest that does not obey in time is declared lost.
        """
        timeout_s = self.settings.close_timeout_s
        try:
            with anyio.move_on_after(timeout_s, shield=True) as scope:
                if self._failure is None:
                    self.send(Close(channel.number))
                    await channel.wait_until(lambda: channel.is_closed or self._failure is not None)
            if scope.cancelled_caught:
                self.fail(lambda: GuestError(f"the guest could not end a command in {timeout_s:g} s"))
        finally:
            self.forget(channel)

    def send(self, message: Message) -> None:
        """Send a message, whole and in order; never waits.

        Raises:
            MessageMalformed: it cannot be written.
        """
        frame = self._connection.send(message)
        sent = 0 if self._outbox else self._send_now(frame)
        if sent < len(frame):
            self._outbox.append(frame[sent:])
            self._outbox_size += len(frame) - sent
            self._changes.notify()

    async def wait_room(self) -> None:
        """Wait until not too much is queued for the guest; to be called before sending much."""
        await self._wait_until(lambda: self._outbox_size < _OUTBOX_LIMIT)

    async def request(self, kind: Callable[..., Message], *values: object) -> None:
        """Send a message of this kind and wait for Done, or Pong.

        Raises:
            FileTransferFailed: the guest answered that it cannot be done, and why.
        """
        channel = self.open_channel()
        try:
            self.send(kind(channel.number, *values))
            await channel.wait_until(lambda: channel.is_answered or channel.failed is not None)
        finally:
            self.forget(channel)
        if channel.failed is not None:
            raise FileTransferFailed(channel.failed.text)

    def pause_heart(self) -> None:
        """Expect nothing of the guest: it is about to be paused."""
        self._is_paused = True

    def resume_heart(self) -> None:
        """Expect answers again: the guest runs."""
        self._is_paused = False
        self._heard += 1  # what it owed from before the pause is not overdue

    async def ping(self) -> None:
        """Return when the agent has answered."""
        await self.request(Ping)

    async def personalize(
        self, *, unix_ns: int = 0, entropy: bytes = b"", machine_id: str = "", hostname: str = ""
    ) -> None:
        """Give a restored clone its own clock, randomness and names; what is not given stays.

        Raises:
            GuestError: it could not be done; the clone must not be used.
        """
        try:
            await self.request(Personalize, unix_ns, entropy, machine_id, hostname)
        except FileTransferFailed as exc:
            raise GuestError(f"the clone could not be made its own machine: {exc}") from exc

    async def mount_mailbox(self, serial: str, path: str, user: str, root: str = "") -> None:
        """Mount the squashfs that was written to the disk of this serial, as a writable tree of a user's.

        Raises:
            FileTransferFailed: the guest could not.
        """
        await self.request(MountMailbox, root, serial, path, user)

    async def release_mailbox(self) -> None:
        """Unmount the mailbox's tree, so that the disk can be written again.

        Raises:
            FileTransferFailed: it is in use.
        """
        await self.request(ReleaseMailbox)

    async def make_directory(self, path: str, user: str, root: str = "") -> None:
        """Make an empty directory of a user's, and its parents.

        Raises:
            FileTransferFailed: it is there and not empty, or cannot be made.
        """
        await self.request(MakeDirectory, root, path, user)

    async def make_directories(self, paths: Sequence[str], user: str, root: str = "") -> None:
        """Make empty directories of a user's, in this order, and their parents; it takes one round trip.

        Raises:
            FileTransferFailed: one is there and not empty, or cannot be made; the others may have been.
        """
        failures: list[FileTransferFailed] = []

        async def make(path: str) -> None:
            try:
                await self.make_directory(path, user, root)
            except FileTransferFailed as exc:
                failures.append(exc)

        with single_error():
            async with anyio.create_task_group() as tasks:
                for path in paths:
                    tasks.start_soon(make, path)
        if failures:
            raise failures[0]

    async def sync(self) -> None:
        """Make the guest write what it holds back to its disks."""
        await self.request(Sync)

    # ------------------------------------------------------------ the link's own task
    async def shake_hands(self) -> None:
        """Begin the conversation.

        Raises:
            BootTimeout: no answer in time.
            InfraError: the guest went away or talks nonsense.
        """
        timeout_s = self.settings.handshake_timeout_s
        try:
            async with fail_after_running(timeout_s, self._stall):
                await self._greet_until_answered()
        except TimeoutError as exc:
            raise BootTimeout(f"the agent did not answer in {timeout_s:g} s") from exc

    async def _greet_until_answered(self) -> None:
        while self._agent is None:
            self.send(Hello(0, OLDEST_VERSION, NEWEST_VERSION, self._nonce))
            with anyio.move_on_after(_HELLO_INTERVAL_S):
                await self._wait_until(lambda: self._agent is not None)

    async def serve(self) -> None:
        """Read, write and listen to the heart, until the guest is lost or the task is cancelled."""
        async with anyio.create_task_group() as tasks:
            for work in (self._read, self._write, self._watch_heart):
                tasks.start_soon(self._guard, work, tasks.cancel_scope)

    def release_socket(self) -> None:
        """Close the socket; nothing may run on the link any more."""
        self.close()
        self._socket.close()

    async def _guard(self, work: Callable[[], object], scope: anyio.CancelScope) -> None:
        with self._translated_errors():
            await work()  # type: ignore[misc]
        if self._failure is not None:
            scope.cancel()

    @contextmanager
    def _translated_errors(self) -> Iterator[None]:
        try:
            yield
        except (VersionMismatch, FrameVersionUnknown) as exc:
            reason = str(exc)
            self.fail(lambda: GuestError(reason, hint=_REBUILD))
        except InfraError:
            if self._failure is None:  # else it is what ended the link, told to one of its own tasks
                raise
        except (WireError, FileTransferFailed) as exc:  # the latter is what Failed is taken for, say to a Ping
            reason = f"the guest broke the protocol: {exc}"
            self.fail(lambda: GuestError(reason))
        except OSError as exc:
            reason = f"the connection to the guest broke: {exc.strerror}"
            self.fail(lambda: MachineLost(reason))

    async def _read(self) -> None:
        while self._failure is None:
            await anyio.wait_readable(self._socket)
            try:
                data = self._socket.recv(_RECEIVE_SIZE)
            except BlockingIOError:
                continue
            if not data:
                self.fail(lambda: MachineLost("the guest went away"))
                return
            self._heard += 1
            for message in self._connection.receive(data):
                self._dispatch(message)

    def _dispatch(self, message: Message) -> None:
        match message:
            case Ready():
                self._greet(message)
            case Fault():
                reason = f"the guest could not understand the host: {message.text}"
                self.fail(lambda: GuestError(reason))
            case _ if channel := self._channels.get(message.channel):
                channel.deliver(message)
            case _ if not 0 < message.channel <= self._last_channel:
                raise WireError(f"{type(message).__name__} on channel {message.channel}, which was never opened")
            case _:
                pass  # late: the channel has ended

    def _greet(self, ready: Ready) -> None:
        if ready.nonce != self._nonce or self._agent is not None:
            return  # an answer to somebody before us, or to another of our greetings
        check_version(ready.version, ready.oldest, ready.newest)
        self._agent = Agent(ready.agent, ready.version, ready.pid, ready.boot_id, ready.python)
        self._changes.notify()

    async def _write(self) -> None:
        while self._failure is None:
            await self._wait_until(lambda: bool(self._outbox))
            await anyio.wait_writable(self._socket)
            frame = self._outbox.popleft()
            sent = self._send_now(frame)
            self._outbox_size -= sent
            if sent < len(frame):
                self._outbox.appendleft(frame[sent:])
            self._changes.notify()

    def _send_now(self, frame: bytes) -> int:
        try:
            return self._socket.send(frame, sockets.MSG_NOSIGNAL)
        except BlockingIOError:
            return 0
        except OSError as exc:
            reason = f"the connection to the guest broke: {os.strerror(exc.errno or 0)}"
            self.fail(lambda: MachineLost(reason))
            return len(frame)

    async def _watch_heart(self) -> None:
        await self._wait_until(lambda: self._agent is not None)
        while self._failure is None:
            with anyio.move_on_after(self.settings.heartbeat_interval_s):
                await self.wait_lost()
            if not self._is_paused:
                await self._check_heart()

    async def _check_heart(self) -> None:
        timeout_s, heard = self.settings.heartbeat_timeout_s, self._heard
        try:
            async with fail_after_running(timeout_s, self._stall):
                await self.ping()
        except TimeoutError:
            if heard == self._heard and not self._is_paused:
                self.fail(lambda: MachineLost(f"the guest has not answered for {timeout_s:g} s"))

    async def _wait_until(self, is_met: Callable[[], bool], *, is_failure_fine: bool = False) -> None:
        while not is_met():
            if self._failure is not None:
                if is_failure_fine:
                    return
                raise self._failure()
            await self._changes.wait()


@asynccontextmanager
async def open_link(socket: sockets.socket, settings: LinkSettings | None = None) -> AsyncIterator[GuestLink]:
    """Give a link after the handshake; closes the socket at the end, whatever happens.

    Raises:
        BootTimeout: the agent did not answer in time.
        MachineLost: it went away.
        GuestError: it talks nonsense, or another version.
    """
    link = GuestLink(socket, settings or LinkSettings())
    try:
        with single_error():
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(link.serve)
                try:
                    await link.shake_hands()
                    yield link
                finally:
                    link.close()
                    tasks.cancel_scope.cancel()
    finally:
        link.release_socket()


async def run_link(
    socket: sockets.socket,
    settings: LinkSettings | None = None,
    *,
    task_status: TaskStatus[GuestLink] = TASK_STATUS_IGNORED,
) -> None:
    """Run a link in a task group of the caller's: `link = await tasks.start(run_link, socket)`.

    Ends at `GuestLink.close()`, when the guest is lost, or when cancelled. Raises only before it has started.
    """
    async with open_link(socket, settings) as link:
        task_status.started(link)
        await link.wait_lost()
