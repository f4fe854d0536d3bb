"""The first program of a guest: brings up what the agent needs, then becomes the agent."""

from __future__ import annotations

import socket
import struct
from typing import TYPE_CHECKING

from terraphim_runner.adapters.images.syscall_program import Buffer, Call, Strings, assemble

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

_READ, _WRITE, _OPEN, _CLOSE, _IOCTL = 0, 1, 2, 3, 16
_SOCKET, _EXECVE, _CHDIR, _MKDIR, _UNLINK, _SYMLINK = 41, 59, 80, 83, 87, 88
_CHROOT, _MOUNT, _SETHOSTNAME, _EXIT_GROUP, _FINIT_MODULE = 161, 165, 170, 231, 313
_PAUSE = 34
_WRITE_ONLY = 1

_NOSUID, _NODEV, _NOEXEC, _NOATIME, _MOVE = 2, 4, 8, 1024, 8192
_SIOCADDRT, _SIOCSIFFLAGS, _SIOCSIFADDR, _SIOCSIFNETMASK = 0x890B, 0x8914, 0x8916, 0x891C
_UP_AND_RUNNING = 0x1041  # and multicast, which would be lost otherwise
_ROUTE_UP_BY_GATEWAY = 3
_DESCRIPTOR = 3  # the first that is free: 0 to 2 are the console

_DISKS = "abcdefgh"
_ADDRESS, _NETMASK, _GATEWAY = "10.0.2.15", "255.255.255.0", "10.0.2.2"
_AGENT = (b"/usr/bin/python3", b"-I", b"-S", b"/usr/lib/terraphim-runner/agent.py")
_ENVIRONMENT = (
    b"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
    b"HOME=/root",
    b"LANG=C.UTF-8",
)
_FAILED = b"terraphim-runner: no root disk with an agent\n"


def compose_init(modules: Iterable[str]) -> bytes:
    """Make the program; `modules` are files of the initramfs, in the order to load them."""
    return assemble(
        [
            _mount(b"dev", b"/dev", b"devtmpfs", _NOSUID),
            _mount(b"sys", b"/sys", b"sysfs", _NOSUID | _NODEV | _NOEXEC),
            *(call for module in modules for call in _load(module.encode())),
            *(call for letter in _DISKS for call in _mount_if_root(letter)),
            *_furnish(b"/root"),
            *_set_up_network(b"/root"),
            *_become_agent(b"/root"),
        ]
    )


def compose_first_process() -> bytes:
    """Make the program that is the first process of a job's root: it waits, and that is all.

    Started with SIGCHLD ignored, it has the kernel drop whatever ends below it.
    """
    return assemble([*(Call(_PAUSE, ()) for _ in range(100)), Call(_EXIT_GROUP, (1,))])


def _mount(source: bytes, target: bytes, kind: bytes, flags: int, options: bytes = b"") -> Call:
    return Call(_MOUNT, (source, target, kind, flags, options))


def _load(module: bytes) -> Sequence[Call]:
    # unlinked at once: the initramfs is memory that would stay with the guest for good
    return (
        Call(_OPEN, (module, 0, 0)),
        Call(_FINIT_MODULE, (_DESCRIPTOR, b"", 0)),
        Call(_CLOSE, (_DESCRIPTOR,)),
        Call(_UNLINK, (module,)),
    )


def _mount_if_root(letter: str) -> Sequence[Call]:
    # disks are told apart by serial number: the order in which a microvm finds them is no promise
    serial = Buffer()
    device = f"/dev/vd{letter}".encode()
    return (
        Call(_OPEN, (f"/sys/block/vd{letter}/serial".encode(), 0, 0)),
        Call(_READ, (_DESCRIPTOR, serial, 8)),
        Call(_CLOSE, (_DESCRIPTOR,)),
        Call(_MOUNT, (device, b"/root", b"ext4", _NOATIME, b""), only_if=(serial, b"root")),
    )


def _set_up_network(root: bytes) -> Sequence[Call]:
    # A guest without a network device has no eth0: those calls fail, and that is all. There is no IPv6 outside,
    # and looking for it would never end.
    up = struct.pack("<H", _UP_AND_RUNNING)
    route = struct.pack("<8x16s16s16sH62x", _internet(), _internet(_GATEWAY), _internet(), _ROUTE_UP_BY_GATEWAY)
    return (
        Call(_OPEN, (root + b"/proc/sys/net/ipv6/conf/eth0/disable_ipv6", _WRITE_ONLY, 0)),
        Call(_WRITE, (_DESCRIPTOR, b"1", 1)),
        Call(_CLOSE, (_DESCRIPTOR,)),
        Call(_SOCKET, (socket.AF_INET, socket.SOCK_DGRAM, 0)),
        Call(_IOCTL, (_DESCRIPTOR, _SIOCSIFFLAGS, _interface(b"lo", up))),
        Call(_IOCTL, (_DESCRIPTOR, _SIOCSIFADDR, _interface(b"eth0", _internet(_ADDRESS)))),
        Call(_IOCTL, (_DESCRIPTOR, _SIOCSIFNETMASK, _interface(b"eth0", _internet(_NETMASK)))),
        Call(_IOCTL, (_DESCRIPTOR, _SIOCSIFFLAGS, _interface(b"eth0", up))),
        Call(_IOCTL, (_DESCRIPTOR, _SIOCADDRT, route)),
        Call(_CLOSE, (_DESCRIPTOR,)),
    )


def _furnish(root: bytes) -> Sequence[Call]:
    dev = root + b"/dev"
    links = {b"fd": b"", b"stdin": b"/0", b"stdout": b"/1", b"stderr": b"/2"}
    return (
        Call(_MOUNT, (b"/dev", dev, b"", _MOVE, b"")),
        Call(_MOUNT, (b"/sys", root + b"/sys", b"", _MOVE, b"")),
        _mount(b"proc", root + b"/proc", b"proc", _NOSUID | _NODEV | _NOEXEC),
        _mount(b"run", root + b"/run", b"tmpfs", _NOSUID | _NODEV, b"mode=755"),
        _mount(b"cgroup2", root + b"/sys/fs/cgroup", b"cgroup2", _NOSUID | _NODEV | _NOEXEC),
        Call(_MKDIR, (dev + b"/pts", 0o755)),
        _mount(b"devpts", dev + b"/pts", b"devpts", _NOSUID | _NOEXEC, b"gid=5,mode=620,ptmxmode=666"),
        Call(_MKDIR, (dev + b"/shm", 0o755)),
        _mount(b"shm", dev + b"/shm", b"tmpfs", _NOSUID | _NODEV, b"mode=1777"),
        *(Call(_SYMLINK, (b"/proc/self/fd" + end, dev + b"/" + name)) for name, end in links.items()),
        Call(_SETHOSTNAME, (b"terraphim", 9)),
    )


def _become_agent(root: bytes) -> Sequence[Call]:
    return (
        Call(_CHDIR, (root,)),
        Call(_MOUNT, (b".", b"/", b"", _MOVE, b"")),
        Call(_CHROOT, (b".",)),
        Call(_CHDIR, (b"/",)),
        Call(_EXECVE, (_AGENT[0], Strings(_AGENT), Strings(_ENVIRONMENT))),
        # still here: the console tells why, and the kernel stops the machine as its first program ends
        Call(_WRITE, (2, _FAILED, len(_FAILED))),
        Call(_EXIT_GROUP, (1,)),
    )


def _interface(name: bytes, value: bytes) -> bytes:
    return name.ljust(16, b"\0") + value.ljust(24, b"\0")


def _internet(address: str = "0.0.0.0") -> bytes:  # noqa: S104 - the default route's destination
    return struct.pack("<HH4s8x", socket.AF_INET, 0, socket.inet_aton(address))
