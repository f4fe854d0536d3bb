"""What a VMM sees of its host's files: QEMU's own, and what it is handed."""

from __future__ import annotations

import os
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from terraphim_runner.adapters.qemu.landlock import Access, new_ruleset

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

_READ, _TREE = Access.READ, Access.READ | Access.LIST
_DEVICE = Access.READ | Access.WRITE | Access.USE_DEVICE
_ALWAYS = {
    "/dev/kvm": _DEVICE,
    "/dev/null": _DEVICE,
    "/dev/urandom": _READ,
    "/etc/ld.so.cache": _READ,
    "/etc/localtime": _READ,
    "/sys/devices/system/cpu": _TREE,  # how many there are
    "/sys/devices/system/node": _TREE,
}
_RESOLV_CONF = "/etc/resolv.conf"


@dataclass(frozen=True, slots=True)
class HostView:
    """What the VMMs of one QEMU see; nothing else can be opened, listed, made, or executed."""

    landlock: int  # the kernel's version of it, at least 1
    program: str
    files: tuple[str, ...]  # libraries, directories of data and of modules

    @contextmanager
    def ruleset(self, fds: Sequence[int], *, asks_name_servers: bool) -> Iterator[int]:
        """Make the Landlock ruleset of one VMM, which is handed `fds`.

        With `asks_name_servers` it reads which ones its host asks.

        Raises:
            OSError: the kernel does not let us.
        """
        with new_ruleset(self.landlock) as rules:
            rules.allow_path(self.program, Access.EXECUTE | Access.READ)
            for path in self.files:  # any of them may be the one that loads the others
                rules.allow_path(path, Access.EXECUTE | _TREE)
            for path, access in _ALWAYS.items():
                rules.allow_path(path, access)
            if asks_name_servers:
                rules.allow_path(_stable(_RESOLV_CONF), _READ)
            for fd in fds:
                rules.allow_again(fd)
            yield rules.fd


def _stable(path: str) -> str:
    """Give the directory of a file that others replace, if it is not the one where everything is."""
    directory = os.path.dirname(os.path.realpath(path))  # noqa: PTH120 - on the hot path
    return path if directory == "/etc" else directory
