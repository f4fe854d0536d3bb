"""System calls that Python 3.11 lacks."""

from __future__ import annotations

import os
from fcntl import ioctl
from struct import Struct

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ctypes import CDLL

MS_RDONLY = 1
MS_NOSUID = 2
MS_NODEV = 4
MS_NOEXEC = 8
MS_REMOUNT = 32
MS_BIND = 4096
MS_MOVE = 8192
MS_NOATIME = 1024
MS_REC = 16384
MS_PRIVATE = 1 << 18
MNT_DETACH = 2

CLONE_NEWNS = 0x00020000
CLONE_NEWCGROUP = 0x02000000
CLONE_NEWUTS = 0x04000000
CLONE_NEWIPC = 0x08000000
CLONE_NEWPID = 0x20000000
CLONE_NEWNET = 0x40000000

_PR_SET_PDEATHSIG = 1
_PR_CAPBSET_DROP = 24
_PR_SET_CHILD_SUBREAPER = 36
_SYS_PIVOT_ROOT, _SYS_BPF = 155, 321
_POWER_OFF = 0x4321FEDC
_CONSOLE_OFF, _CONSOLE_ON = 6, 7
_BLKFLSBUF = 0x1261
_RNDADDENTROPY = 0x40085203
_RNDRESEEDCRNG = 0x5207
_POOL_INFO = Struct("<II")

_libraries: list[CDLL] = []


def become_subreaper() -> None:
    """Have the orphans among this process's descendants handed to it."""
    _check(_libc().prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0))


def set_parent_death_signal(number: int) -> None:
    """Be sent a signal when the thread that started this process ends."""
    _check(_libc().prctl(_PR_SET_PDEATHSIG, number, 0, 0, 0))


def mount(source: str, target: str, kind: str, flags: int, options: str) -> None:
    """Mount a file system."""
    texts = [os.fsencode(text) for text in (source, target, kind)]
    _check(_libc().mount(*texts, flags, os.fsencode(options)), target)


def unmount(target: str, flags: int = 0) -> None:
    """Unmount a file system; without flags one that nobody uses."""
    _check(_libc().umount2(os.fsencode(target), flags), target)


def pivot_root(new_root: str, put_old: str) -> None:
    """Make a mount the root of this process's mount namespace; the old root is mounted at `put_old`."""
    _check(_libc().syscall(_SYS_PIVOT_ROOT, os.fsencode(new_root), os.fsencode(put_old)), new_root)


def unshare(flags: int) -> None:
    """Leave namespaces for new ones; the new process namespace is for the next child."""
    _check(_libc().unshare(flags))


def set_namespaces(process_fd: int, flags: int) -> None:
    """Enter namespaces of the process behind a descriptor; the process namespace is for the next child."""
    _check(_libc().setns(process_fd, flags))


def bar_capability(number: int) -> None:
    """Keep a capability from every program that this process and its children will execute."""
    _check(_libc().prctl(_PR_CAPBSET_DROP, number, 0, 0, 0))


def bpf(command: int, layout: str, *values: int | bytes) -> int:
    """Make a call about programs in the kernel, and give its result; `P` of the layout is the address of bytes."""
    import ctypes  # noqa: PLC0415 - late, it costs 4 ms and is not needed at boot
    from struct import pack  # noqa: PLC0415

    kept = [ctypes.create_string_buffer(value, len(value)) for value in values if isinstance(value, bytes)]
    addresses = iter(map(ctypes.addressof, kept))
    words = [next(addresses) if isinstance(value, bytes) else value for value in values]
    attributes = pack(f"={layout.replace('P', 'Q')}", *words).ljust(128, b"\0")
    result: int = _libc().syscall(_SYS_BPF, command, attributes, len(attributes))
    _check(min(0, result))
    return result


class QuietConsole:
    """A context in which the kernel says nothing on the console that is no emergency."""

    def __enter__(self) -> None:
        """Silence it."""
        _libc().klogctl(_CONSOLE_OFF, None, 0)

    def __exit__(self, *_: object) -> None:
        """Let it speak as before."""
        _libc().klogctl(_CONSOLE_ON, None, 0)


def power_off() -> None:
    """Turn the machine off, at once."""
    _check(_libc().reboot(_POWER_OFF))


def flush_block_device(path: str) -> None:
    """Forget what the kernel has cached of a disk that somebody else writes."""
    disk = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        ioctl(disk, _BLKFLSBUF, 0)
    finally:
        os.close(disk)


def add_entropy(entropy: bytes) -> None:
    """Give the kernel's random generator new secrets, and have it use them from now on."""
    pool = bytearray(
        _POOL_INFO.pack(len(entropy) * 8, len(entropy)) + entropy
    )  # `ioctl` takes it at the first try
    device = os.open("/dev/urandom", os.O_WRONLY | os.O_CLOEXEC)
    try:
        ioctl(device, _RNDADDENTROPY, pool)
        ioctl(device, _RNDRESEEDCRNG)
    finally:
        os.close(device)


def _libc() -> CDLL:
    if not _libraries:
        from ctypes import CDLL  # noqa: PLC0415 - late, it costs 4 ms and is not needed at boot

        _libraries.append(CDLL(None, use_errno=True))
    return _libraries[0]


def _check(result: int, path: str | None = None) -> None:
    if result != 0:
        from ctypes import get_errno  # noqa: PLC0415

        number = get_errno()
        raise OSError(number, os.strerror(number), path)
