"""Whole directories, in and out of a guest, as tar streams through the guest's `tar`."""

from __future__ import annotations

import shutil
import socket as sockets
import tempfile
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import anyio
from anyio import to_thread

from terraphim_runner.domain.errors import FileTransferFailed, HostError
from terraphim_runner.link.execution import start_execution
from terraphim_runner.link.single_error import single_error
from terraphim_runner.link.tree_archive import archive_tree
from terraphim_runner.link.tree_extraction import extract_tree
from terraphim_runner.ports.vm import Command, Stream

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

    from terraphim_runner.link.execution import LinkExecution
    from terraphim_runner.link.guest_link import GuestLink
    from terraphim_runner.ports.vm import Tree, TreePlacement

_ENV = {"PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL": "C"}
_CHANGED_WHILE_READ = 1  # tar's exit code for it
_COMPLAINT_LIMIT = 4096


async def put_tree(link: GuestLink, tree: Tree, placement: TreePlacement, root: str = "") -> None:
    """Ship a tree as a tar stream.

    Raises:
        FileTransferFailed: a listed file is gone, or the guest could not write it.
    """
    await link.make_directory(placement.path, placement.user, root)
    argv = ("tar", "-x", "-p", "-f", "-", "-C", placement.path)
    command = Command(argv, env=_ENV, user=placement.user, has_stdin=True)
    with single_error():
        async with start_execution(link, command, root) as execution, anyio.create_task_group() as tasks:
            tasks.start_soon(_feed, execution, archive_tree(tree))
            complaint = await _complaint(execution)
            status = await execution.wait()  # not after the next line, where nothing can be waited for any more
            tasks.cancel_scope.cancel()
            if not status.is_success:
                raise FileTransferFailed(f"the guest could not write {placement.path}: {complaint}")


async def get_tree(link: GuestLink, path: str, destination: Path, root: str = "") -> None:
    """Bring a directory of the guest's into `destination`, all or nothing.

    Raises:
        FileTransferFailed: the guest could not read it, or sent what is refused.
        HostError: this machine cannot write it.
    """
    argv = ("tar", "-c", "--format=gnu", "--hard-dereference", "-f", "-", "-C", path, ".")
    async with _scratch(destination) as scratch:
        with single_error():
            async with start_execution(link, Command(argv, env=_ENV), root) as execution:
                complaint = await _extract_output(execution, scratch)
                status = await execution.wait()
        if not (status.is_success or status.code == _CHANGED_WHILE_READ):
            raise FileTransferFailed(f"the guest could not read {path}: {complaint}")
        scratch.rename(destination)


async def _feed(execution: LinkExecution, chunks: Iterator[bytes]) -> None:
    while chunk := await to_thread.run_sync(next, chunks, b""):
        await execution.write_stdin(chunk)
    await execution.close_stdin()


async def _complaint(execution: LinkExecution, target: sockets.socket | None = None) -> str:
    complaint = b""
    async for stream, data in execution:
        if stream is Stream.STDERR:
            complaint = (complaint + data)[:_COMPLAINT_LIMIT]
        elif target is not None:
            await _send_all(target, data)
    return complaint.decode("utf-8", "replace").strip()


async def _send_all(target: sockets.socket, data: bytes) -> None:
    rest = memoryview(data)
    while rest:
        try:
            rest = rest[target.send(rest, sockets.MSG_NOSIGNAL) :]
        except BlockingIOError:
            await anyio.wait_writable(target)
        except BrokenPipeError:
            return  # the extraction gave up, and says why


async def _extract_output(execution: LinkExecution, directory: Path) -> str:
    ours, theirs = sockets.socketpair()
    ours.setblocking(False)
    complaint = ""
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(to_thread.run_sync, _extract, theirs, directory)
        with ours:  # closing it ends the thread
            complaint = await _complaint(execution, ours)
    return complaint


def _extract(source: sockets.socket, directory: Path) -> None:
    with source, source.makefile("rb") as stream:
        extract_tree(stream, directory)


@asynccontextmanager
async def _scratch(destination: Path) -> AsyncIterator[Path]:
    scratch = await to_thread.run_sync(_make_scratch, destination)
    try:
        yield scratch
    finally:
        with anyio.CancelScope(shield=True):
            await to_thread.run_sync(partial(shutil.rmtree, scratch, ignore_errors=True))


def _make_scratch(destination: Path) -> Path:
    if destination.exists() or destination.is_symlink():
        raise FileTransferFailed(f"{destination} exists already")
    try:
        scratch = Path(tempfile.mkdtemp(prefix=f".{destination.name[:100]}.", dir=destination.parent))
        scratch.chmod(0o755)
    except OSError as exc:
        raise HostError(f"cannot write {destination}: {exc.strerror}") from exc
    return scratch
