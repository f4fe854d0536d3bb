"""Single files, in and out of a guest."""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from terraphim_runner.domain.errors import FileTransferFailed
from terraphim_runner.wire.error import MessageMalformed
from terraphim_runner.wire.message import End, GetFile, PutFile

if TYPE_CHECKING:
    from collections.abc import AsyncIterable, AsyncIterator

    from terraphim_runner.link.channel import Channel
    from terraphim_runner.link.guest_link import GuestLink
    from terraphim_runner.wire.message import Message


async def put_file(
    link: GuestLink, path: str, chunks: AsyncIterable[bytes], *, mode: int, user: str, root: str = ""
) -> None:
    """Write a file in the guest, whole or not at all; parents are made.

    Raises:
        FileTransferFailed: the guest could not.
    """
    channel = link.open_channel()
    try:
        _send(link, PutFile(channel.number, root, path, mode, user))
        async for chunk in chunks:
            await link.wait_room()
            await channel.send_data(chunk)
        link.send(End(channel.number))
        await channel.wait_until(lambda: channel.is_answered or channel.failed is not None)
    except BaseException:
        await link.end_channel(channel)
        raise
    link.forget(channel)
    _check(channel)


@asynccontextmanager
async def get_file(link: GuestLink, path: str, root: str = "") -> AsyncIterator[AsyncIterator[bytes]]:
    """Read a file of the guest.

    Raises:
        FileTransferFailed: the guest could not.
    """
    channel = link.open_channel()
    try:
        _send(link, GetFile(channel.number, root, path, link.settings.window))
        await channel.wait_until(lambda: channel.is_started or channel.failed is not None)
        _check(channel)
        yield _read(channel)
    finally:
        if channel.is_ended or channel.failed is not None:
            link.forget(channel)
        else:
            await link.end_channel(channel)


async def _read(channel: Channel) -> AsyncIterator[bytes]:
    while (data := await channel.next_data()) is not None:
        yield data.content
    _check(channel)


def _check(channel: Channel) -> None:
    if channel.failed is not None:
        raise FileTransferFailed(channel.failed.text)


def _send(link: GuestLink, message: Message) -> None:
    try:
        link.send(message)
    except MessageMalformed as exc:
        raise FileTransferFailed(str(exc)) from exc
