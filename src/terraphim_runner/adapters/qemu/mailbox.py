"""Work trees, by the fastest way: a squashfs written into a disk that the guest had from the start."""

from __future__ import annotations

import os
import stat
from typing import TYPE_CHECKING

import anyio
from anyio import to_thread

from terraphim_runner.adapters.qemu import pseudo_file
from terraphim_runner.adapters.qemu.disk import MAILBOX_SIZE, host_files
from terraphim_runner.adapters.qemu.pseudo_file import Entry
from terraphim_runner.domain.errors import FileTransferFailed, HostDiskFull, HostError
from terraphim_runner.link.execution import start_execution
from terraphim_runner.link.tree_transfer import put_tree
from terraphim_runner.ports.vm import Command

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path
    from subprocess import CompletedProcess

    from terraphim_runner.link.guest_link import GuestLink
    from terraphim_runner.ports.vm import Tree, TreePlacement

SERIAL = "mailbox"
_ACCOUNTS = {"root": (0, 0), "runner": (1001, 1001)}  # the image's
_OPTIONS = (
    *("-comp", "lz4", "-noappend", "-no-xattrs", "-no-exports", "-no-duplicates", "-no-fragments", "-no-sparse"),
    *("-no-progress", "-quiet"),
)
_LOSSES = (b"creating empty file", b"ignoring")  # what mksquashfs says when it leaves something out and goes on


class Mailbox:
    """One VM's mailbox disk. It takes one tree, which may then be had in any number of places.

    Other trees go through the link as a tar stream.
    """

    def __init__(self, fd: int, slot_dir: Path) -> None:
        """Take the disk file, open for writing, and a directory for what is needed on the way."""
        self._fd = fd
        self._slot_dir = slot_dir
        self._letter: tuple[Tree, str] | None = None  # what is, or is to be, in it, and whose
        self._is_written = False
        self._writing = anyio.Lock()

    async def ship(self, link: GuestLink, tree: Tree, placement: TreePlacement, root: str = "") -> None:
        """Ship a tree into the root of this name, or the machine's own.

        Raises:
            FileTransferFailed: a listed file is gone, or the guest could not take it; try again if you like.
            HostError: mksquashfs is missing.
        """
        if await self._takes(link, tree, placement.user):
            await link.mount_mailbox(SERIAL, placement.path, placement.user, root)
        else:
            await put_tree(link, tree, placement, root)

    async def release(self, link: GuestLink) -> None:
        """Take the tree out of the guest again, so that another can come."""
        await link.release_mailbox()
        self._letter, self._is_written = None, False

    async def _takes(self, link: GuestLink, tree: Tree, user: str) -> bool:
        """Write the tree into the disk if that is free; tell whether it is in it now."""
        if self._letter is None and not tree.is_passing:
            self._letter = (tree, user)
            async with self._writing:
                self._is_written = await self._fill(link, tree, user)
        if self._letter is None or self._letter[0] is not tree or self._letter[1] != user:
            return False
        async with self._writing:  # by whoever was first
            return self._is_written

    async def _fill(self, link: GuestLink, tree: Tree, user: str) -> bool:
        uid, gid = await _find_account(link, user)
        try:
            content = await to_thread.run_sync(_define, tree, uid, gid)
        except ValueError:  # a name that mksquashfs cannot be told
            return False
        await self._write(content, uid, gid)
        return True

    async def _write(self, content: bytes, uid: int, gid: int) -> None:
        empty = self._slot_dir / "empty"
        definitions_fd = os.memfd_create("pseudo-file", os.MFD_CLOEXEC)
        try:
            with host_files("a work tree"):
                empty.mkdir(exist_ok=True)
                os.write(definitions_fd, content)
            owner = ("-force-uid", str(uid), "-force-gid", str(gid))
            source = ("-pf", f"/proc/self/fd/{definitions_fd}")
            command = ["mksquashfs", str(empty), f"/proc/self/fd/{self._fd}", *_OPTIONS, *owner, *source]
            check(await _run(command, (self._fd, definitions_fd)))
            os.ftruncate(self._fd, MAILBOX_SIZE)  # mksquashfs cut it; the guest's disk has a constant size
        finally:
            os.close(definitions_fd)


def check(result: CompletedProcess[bytes]) -> None:
    """Judge how mksquashfs ended.

    Raises:
        FileTransferFailed: not everything is in.
        HostDiskFull: there was no room.
    """
    said = result.stderr
    if result.returncode == 0 and not any(loss in said for loss in _LOSSES):
        return
    words = said.decode(errors="replace").strip().splitlines()
    reason = words[0] if words else f"mksquashfs ended with {result.returncode}"
    if b"No space left" in said:
        raise HostDiskFull(f"no room on this machine for the work tree: {reason}")
    raise FileTransferFailed(f"the work tree could not be packed: {reason}")


async def _run(command: list[str], fds: tuple[int, ...]) -> CompletedProcess[bytes]:
    try:
        # In a session of its own: the terminal's Ctrl-C is the runner's to obey.
        return await anyio.run_process(command, check=False, pass_fds=fds, start_new_session=True)
    except FileNotFoundError as exc:
        raise HostError("mksquashfs is not installed", hint="apt-get install squashfs-tools") from exc


async def _find_account(link: GuestLink, user: str) -> tuple[int, int]:
    if user in _ACCOUNTS:
        return _ACCOUNTS[user]
    output = b""
    async with start_execution(link, Command(("/bin/sh", "-c", "id -u; id -g"), user=user)) as execution:
        async for _, data in execution:
            output += data
    uid, gid = output.split()
    return int(uid), int(gid)


def _define(tree: Tree, uid: int, gid: int) -> bytes:
    try:
        return pseudo_file.definitions(_entries(tree), uid, gid)
    except OSError as exc:
        raise FileTransferFailed(f"cannot read {exc.filename!r}: {exc.strerror}") from exc


def _entries(tree: Tree) -> Iterator[Entry]:
    root = os.fsencode(tree.root.absolute())
    for path in tree.paths:
        name = os.fsencode(path)
        yield _entry(name, root + b"/" + name)
    for path, directory in tree.extra.items():
        yield from _directory(os.fsencode(path), os.fsencode(directory.absolute()))


def _directory(name: bytes, source: bytes) -> Iterator[Entry]:
    yield _entry(name, source)
    with os.scandir(source) as children:
        for child in sorted(children, key=lambda each: each.name):
            path = name + b"/" + child.name
            if child.is_dir(follow_symlinks=False):
                yield from _directory(path, child.path)
            else:
                yield _entry(path, child.path)


def _entry(name: bytes, source: bytes) -> Entry:
    status = os.lstat(source)
    target = os.readlink(source) if stat.S_ISLNK(status.st_mode) else b""  # noqa: PTH115 - pathlib has no bytes
    return Entry(name, source, status.st_mode, target)
