"""Network namespaces that lead nowhere but to this process, made ahead of need."""

from __future__ import annotations

import errno
import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

import anyio

from terraphim_runner.domain.errors import HostError
from terraphim_runner.egress import namespace_program

if TYPE_CHECKING:
    from collections.abc import Sequence

    from anyio.abc import TaskGroup

_TIMEOUT_S = 10.0
_MOST_FDS = 8
_REMEDY = (
    "let this user make network namespaces (on Ubuntu: sysctl kernel.apparmor_restrict_unprivileged_userns=0; "
    "in a container: allow unshare), or set network = 'none' for the VM type, or, unprotected, 'unfiltered'"
)


@dataclass(frozen=True, slots=True)
class Namespace:
    """A namespace, and the sockets at which everything in it arrives."""

    net: int
    user: int | None  # none: made by root, in its own user namespace
    listener: socket.socket
    names: socket.socket
    datagrams: socket.socket
    answers: socket.socket

    @classmethod
    def of(cls, fds: Sequence[int], *, has_own_user_namespace: bool) -> Namespace:
        """Own the descriptors that the program sent."""
        net, user, *others = fds
        sockets = [socket.socket(fileno=fd) for fd in others]
        for sock in sockets:
            sock.setblocking(False)
        if not has_own_user_namespace:
            os.close(user)
        return cls(net, user if has_own_user_namespace else None, *sockets)

    @property
    def entrance(self) -> tuple[str, ...]:
        """The words before a command that is to run in it."""
        # By this process's descriptors: the command is not to have any of them.
        net = f"--net=/proc/{os.getpid()}/fd/{self.net}"
        if self.user is None:
            return "nsenter", net
        return "nsenter", f"--user=/proc/{os.getpid()}/fd/{self.user}", net, "--preserve-credentials"

    def close(self) -> None:
        """Close everything; the namespace goes with the last process in it."""
        for sock in (self.listener, self.names, self.datagrams, self.answers):
            sock.close()
        os.close(self.net)
        if self.user is not None:
            os.close(self.user)


class NamespaceShelf:
    """Keeps one namespace ready: making one takes some fifty milliseconds that nobody should wait for."""

    def __init__(self) -> None:
        """Start empty."""
        self._tasks: TaskGroup | None = None
        self._making = anyio.Lock()
        self._spare: Namespace | None = None
        self._taken = 0

    def start(self, tasks: TaskGroup) -> None:
        """From now on make namespaces ahead, in `tasks`; the first one now."""
        self._tasks = tasks
        tasks.start_soon(self._restock)

    def restock(self) -> None:
        """Make one for later without waiting for it, unless there is one.

        Who has needed only one so far, such as a single run, will hardly need another.
        """
        if self._tasks is not None and self._taken > 1:
            self._tasks.start_soon(self._restock)

    async def take(self) -> Namespace:
        """Give one, which is the caller's to close; the one that is being made, where there is one.

        Raises:
            HostError: this machine does not let us make any.
        """
        self._taken += 1
        async with self._making:
            namespace, self._spare = self._spare, None
            return namespace or await make_namespace()

    def close(self) -> None:
        """Close what nobody took."""
        if self._spare is not None:
            self._spare.close()
            self._spare = None

    async def _restock(self) -> None:
        async with self._making:
            if self._spare is None:
                with (
                    suppress(HostError),
                    anyio.CancelScope(shield=True),
                ):  # told to the one who needs one, if anybody
                    self._spare = await make_namespace()


async def make_namespace() -> Namespace:
    """Make one.

    Raises:
        HostError: this machine does not let us, or has no descriptor, process or disk space left for it.
    """
    is_root = os.geteuid() == 0
    try:
        ours, theirs = socket.socketpair()
        with ours, theirs:
            said = await _run(_command(is_root=is_root), theirs)
            ours.setblocking(False)
            text, fds = _receive(ours)
        said = said or json.loads(text or b"{}").get("error", "")
    except (OSError, ValueError) as error:
        raise HostError(f"a network namespace could not be made: {error}") from error
    if fds:
        return Namespace.of(fds, has_own_user_namespace=not is_root)
    raise HostError(f"this machine lets us make no network namespace: {said}", hint=_REMEDY)


def _receive(channel: socket.socket) -> tuple[bytes, list[int]]:
    """Give what the program has sent before it ended: text and descriptors, or nothing."""
    try:
        text, fds, flags, _ = socket.recv_fds(channel, 65536, _MOST_FDS, socket.MSG_CMSG_CLOEXEC)
    except BlockingIOError:
        return b"", []
    if flags & socket.MSG_CTRUNC:  # as many as there was room for
        for fd in fds:
            os.close(fd)
        raise OSError(errno.EMFILE, os.strerror(errno.EMFILE))
    return text, fds


def _command(*, is_root: bool) -> list[str]:
    nft = shutil.which("nft", path=os.pathsep.join([os.environ.get("PATH", os.defpath), "/usr/sbin", "/sbin"]))
    if nft is None:
        raise HostError("nft is not installed", hint="apt-get install nftables")
    # Capabilities in a user namespace are for the program only: what enters it later, as another user than its
    # root, has none.
    user = [] if is_root else ["--user", "--map-current-user", "--keep-caps"]
    return ["unshare", "--net", *user, sys.executable, "-I", "-S", namespace_program.__file__, nft]


async def _run(command: list[str], channel: socket.socket) -> str:
    """Run the program to its end; give what it complained of."""
    try:
        # Not a pipe: one whose program is just being started when this is cancelled stays open.
        with anyio.fail_after(_TIMEOUT_S), tempfile.TemporaryFile() as complaints:
            await anyio.run_process(
                command,
                stdin=channel.fileno(),
                stdout=subprocess.DEVNULL,
                stderr=complaints.fileno(),
                check=False,
                start_new_session=True,
            )
            complaints.seek(0)
            return complaints.read().decode(errors="replace").strip()
    except FileNotFoundError as error:
        raise HostError(f"{error.filename} is not installed", hint="apt-get install util-linux") from error
    except TimeoutError as error:
        raise HostError(f"{command[0]} did not end in {_TIMEOUT_S:g} s", hint=_REMEDY) from error
