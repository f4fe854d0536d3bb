"""Files of a job's root, read into memory: no more of them than was asked for, however large a job makes them."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from terraphim_runner.ports.vm import Root


class FileTooLarge(Exception):
    """A file holds more than the limit; the message says which and how much it may hold."""


async def read_file(root: Root, path: str, *, limit: int) -> bytes:
    """Read a file of at most `limit` bytes.

    Raises:
        FileTooLarge: it holds more; the rest was not read.
        FileTransferFailed: there is no such regular file.
        MachineLost | GuestError: the VM failed.
    """
    content = bytearray()
    async with root.get_file(path) as chunks:
        async for chunk in chunks:
            content += chunk
            if len(content) > limit:
                raise FileTooLarge(f"{path} is larger than {limit >> 20} MiB")
    return bytes(content)
