"""A command in a guest, seen from the host."""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Self

from terraphim_runner.domain.errors import CommandNotStarted, FileTransferFailed, GuestError
from terraphim_runner.ports.vm import ExitStatus, Stream
from terraphim_runner.wire.error import MessageMalformed
from terraphim_runner.wire.message import MOST_FILES, End, Exec, Exited, Signal

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping

    from terraphim_runner.link.channel import Channel
    from terraphim_runner.link.guest_link import GuestLink
    from terraphim_runner.ports.vm import Command


class LinkExecution:
    """The port `Execution` on a link; made by `start_execution`."""

    def __init__(self, link: GuestLink, channel: Channel, *, has_stdin: bool) -> None:
        """Take the channel on which the command was started."""
        self._link = link
        self._channel = channel
        self._is_stdin_open = has_stdin

    def __aiter__(self) -> Self:
        """Iterate over the output."""
        return self

    async def __anext__(self) -> tuple[Stream, bytes]:
        """Give the next piece of output."""
        data = await self._channel.next_data()
        if data is None:
            raise StopAsyncIteration
        try:
            return Stream(data.stream), data.content
        except ValueError as exc:
            raise GuestError(f"the guest sent output of a stream {data.stream}") from exc

    async def wait(self) -> ExitStatus:
        """Wait for the command to end."""
        exited = await self._wait_exited()
        return ExitStatus(signal=exited.number) if exited.is_signal else ExitStatus(code=exited.number)

    async def read_back(self) -> Mapping[str, bytes]:
        """Wait for the end, and give the files that the command was to leave."""
        exited = await self._wait_exited()
        if exited.is_too_much:
            raise FileTransferFailed(f"the command left more than {MOST_FILES} bytes in its files")
        return dict(exited.files)

    async def _wait_exited(self) -> Exited:
        await self._channel.wait_until(lambda: self._channel.exited is not None)
        if self._channel.exited is None:
            raise GuestError("a command ended without a status")
        return self._channel.exited

    async def signal(self, number: int) -> None:
        """Send a signal to the whole process tree."""
        await self._link.wait_room()
        self._link.send(Signal(self._channel.number, number))

    async def write_stdin(self, data: bytes) -> None:
        """Write to standard input; what a command that has ended would not read is dropped."""
        if not self._is_stdin_open:
            raise ValueError("standard input is closed, or was not asked for")
        await self._link.wait_room()
        await self._channel.send_data(data)

    async def close_stdin(self) -> None:
        """Close standard input."""
        if self._is_stdin_open:
            self._is_stdin_open = False
            await self._link.wait_room()
            self._link.send(End(self._channel.number))


@asynccontextmanager
async def start_execution(link: GuestLink, command: Command, root: str = "") -> AsyncIterator[LinkExecution]:
    """Start a command in the root of this name, or the machine's own; kill what is left of its tree at the end.

    Raises:
        CommandNotStarted: the guest could not start it.
        InfraError: the guest is gone, or talks nonsense.
    """
    channel = link.open_channel()
    try:
        _send_exec(link, channel, command, root)
        await channel.wait_until(lambda: channel.is_started or channel.failed is not None)
        if channel.failed is not None:
            raise CommandNotStarted(channel.failed.text)
        yield LinkExecution(link, channel, has_stdin=command.has_stdin)
    finally:
        await link.end_channel(channel)


def _send_exec(link: GuestLink, channel: Channel, command: Command, root: str) -> None:
    settings = link.settings
    message = Exec(
        channel.number,
        root=root,
        argv=tuple(command.argv),
        env=tuple(command.env.items()),
        cwd=command.cwd,
        user=command.user,
        has_stdin=command.has_stdin,
        window=settings.window,
        linger_ms=round(settings.linger_s * 1000),
        files=tuple(command.files.items()),
        read_back=tuple(command.read_back),
    )
    try:
        link.send(message)
    except MessageMalformed as exc:
        raise CommandNotStarted(f"the command cannot be sent: {exc}") from exc
