"""The last program before a VMM, as a file in memory; `launch.S` is its source, and a test holds the two together.

It has no libraries to load, and nothing to decide: it takes less time than a shell takes to start.
"""

from __future__ import annotations

import errno
import os
import struct
from contextlib import contextmanager
from typing import TYPE_CHECKING

from terraphim_runner.domain.errors import HostError

if TYPE_CHECKING:
    from collections.abc import Iterator

ORPHANED, NOT_SHUT_IN, NOT_STARTED = 125, 126, 127  # its own exit statuses
NO_RULESET = -1

_CODE = bytes.fromhex(
    "b86e0000000f053b0503010000bb7d0000000f8580000000bb7e0000008b3df500000085ff781b31f6b8be0100000f054885c075"
    "638b3ddd000000b8030000000f05488d055f00000050680d000000bf16000000be020000004889e2b89d0000000f054883c41048"
    "85c0752c8b3da2000000b8030000000f05bb7f000000488b0424488b7c2410488d742410488d54c410b83b0000000f0589dfb8e7"
    "0000000f050f1f80000000002000000004000000150000053e0000c02000000000000000350003000000004015000300a9010000"
    "1500030029000000060000000000ff7f060000000000008006000000260005002000000010000000150000010100000006000000"
    "0d000500060000000000ff7f"
)
_ADDRESS = 0x400000
_HEADERS = 64 + 56  # of the ELF file and its one segment
_READ_EXECUTE = 5
_MFD_EXEC = 0x10  # Linux 6.3


def launch_program(parent_pid: int, own_fd: int, ruleset_fd: int) -> bytes:
    """Lay out the program for one start: by whom, and the descriptors of itself and of the Landlock ruleset."""
    content = _CODE + struct.pack("<iii", parent_pid, own_fd, ruleset_fd)
    size = _HEADERS + len(content)
    identity = b"\x7fELF\x02\x01\x01".ljust(16, b"\0")
    header = struct.pack("<HHIQQQIHHHHHH", 2, 62, 1, _ADDRESS + _HEADERS, 64, 0, 0, 64, 56, 1, 0, 0, 0)
    segment = struct.pack("<IIQQQQQQ", 1, _READ_EXECUTE, 0, _ADDRESS, _ADDRESS, size, size, 4096)
    return identity + header + segment + content


@contextmanager
def open_launch_program(parent_pid: int, ruleset_fd: int) -> Iterator[int]:
    """Give a descriptor of the program; to be inherited, and executed as /proc/self/fd/<it>.

    Raises:
        HostError: this kernel lets nobody execute programs in memory.
    """
    fd = _executable_memory()
    try:
        os.write(fd, launch_program(parent_pid, fd, ruleset_fd))
        yield fd
    finally:
        os.close(fd)


def _executable_memory() -> int:
    try:
        return os.memfd_create("launch", os.MFD_CLOEXEC | _MFD_EXEC)
    except OSError as error:
        if error.errno == errno.EINVAL:  # an older kernel, for which every memory file is
            return os.memfd_create("launch", os.MFD_CLOEXEC)
        raise HostError(
            f"cannot start a VM: no program in memory may be executed ({error.strerror})",
            hint="sysctl vm.memfd_noexec=1",
        ) from error
