"""Landlock: what a process may open by path, given up for good; see landlock(7).

This process makes rulesets. A VMM is shut into one by `launch_program`, before it begins.
"""

from __future__ import annotations

import ctypes
import errno
import fcntl
import os
import stat
import struct
from contextlib import contextmanager
from enum import IntFlag
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

_CREATE_RULESET, _ADD_RULE = 444, 445
_VERSION = 1
_PATH_BENEATH = 1
# By version, the file system rights that it handles: none that is handled is granted but by a rule.
_HANDLED = {1: (1 << 13) - 1, 2: (1 << 14) - 1, 3: (1 << 15) - 1, 5: (1 << 16) - 1}
_SCOPED_SINCE = 6
_SCOPED = 3  # abstract unix sockets and signals: none of a process outside


class Access(IntFlag):
    """What a rule grants: the kernel's bits."""

    EXECUTE = 1 << 0
    WRITE = 1 << 1
    READ = 1 << 2
    LIST = 1 << 3
    USE_DEVICE = 1 << 15  # ioctl


_libc = ctypes.CDLL(None, use_errno=True)


def version() -> int:
    """Tell which version of Landlock this kernel has; 0: none, or it is switched off."""
    return max(0, int(_libc.syscall(_CREATE_RULESET, None, ctypes.c_size_t(0), _VERSION)))


class Ruleset:
    """A ruleset in the making."""

    def __init__(self, fd: int, handled: int) -> None:
        """Use `new_ruleset`."""
        self.fd = fd
        self._handled = handled

    def allow_path(self, path: str, access: Access) -> None:
        """Let `path`, and what is beneath it, be used so; what is not there needs no rule."""
        try:
            fd = os.open(path, os.O_PATH | os.O_CLOEXEC)
        except OSError:
            return
        try:
            self._add(fd, access if stat.S_ISDIR(os.fstat(fd).st_mode) else access & ~Access.LIST)
        finally:
            os.close(fd)

    def allow_again(self, fd: int) -> None:
        """Let a file that is handed over as a descriptor be opened again, for the same; memory always may."""
        is_writable = fcntl.fcntl(fd, fcntl.F_GETFL) & os.O_ACCMODE != os.O_RDONLY
        try:
            self._add(fd, Access.READ | Access.WRITE if is_writable else Access.READ)
        except OSError as error:
            if error.errno != errno.EBADFD:  # it is in no directory, so no rule can be about it
                raise

    def _add(self, fd: int, access: Access) -> None:
        attributes = struct.pack("=Qi", access & self._handled, fd)
        _check(_libc.syscall(_ADD_RULE, self.fd, _PATH_BENEATH, attributes, 0))


@contextmanager
def new_ruleset(version: int) -> Iterator[Ruleset]:
    """Make a ruleset that allows nothing, for the length of the context; `version` is at least 1."""
    handled = _HANDLED[max(each for each in _HANDLED if each <= version)]
    attributes = struct.pack("=QQQ", handled, 0, _SCOPED)[: 24 if version >= _SCOPED_SINCE else 8]
    fd = _check(_libc.syscall(_CREATE_RULESET, attributes, ctypes.c_size_t(len(attributes)), 0))
    try:
        yield Ruleset(fd, handled)
    finally:
        os.close(fd)


def _check(result: int) -> int:
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, f"Landlock: {os.strerror(number)}")
    return result
