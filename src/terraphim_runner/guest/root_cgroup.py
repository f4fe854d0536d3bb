"""What a root's processes may take of the machine, and what they took."""

from __future__ import annotations

import os

from terraphim_runner.guest.device_filter import attach_device_filter
from terraphim_runner.guest.kernel import bar_capability
from terraphim_runner.guest.place import CGROUPS

_ROOTS = f"{CGROUPS}/roots"
_CONTROLLERS = b"+memory +pids +cpu"
# What would be done to the machine, not to a root: modules, raw input and output, reboot, the clock, policies.
_BARRED = (16, 17, 22, 25, 32, 33)
_PAGE = os.sysconf("SC_PAGE_SIZE")
_MIB = 1 << 20
_RESERVE = 64 * _MIB  # for the agent and what no cgroup is charged with
_SLACK = 8 * _MIB  # for roots that wait, and for what the kernel keeps of removed ones


class RootCgroup:
    """A cgroup with limits. Commands get theirs below it; its first process has `init`.

    So no process is in the cgroup itself, and a job that starts containers can hand its controllers on.
    """

    def __init__(self, name: str) -> None:
        """Take a name no other root of this boot has."""
        self.path = f"{_ROOTS}/{name}"

    def make(self) -> None:
        """Make it.

        Raises:
            OSError: the kernel refused.
        """
        if not os.path.isdir(_ROOTS):
            _prepare()
        os.mkdir(self.path)
        os.mkdir(f"{self.path}/init")

    def limit(self, memory: int, processes: int, sharers: int) -> None:
        """Set its limits; 0 is what the machine can bear, of memory: if there are so many roots at once.

        Raises:
            OSError: the kernel refused.
        """
        write(f"{self.path}/memory.max", share_memory(int(_read(f"{_ROOTS}/memory.max")), memory, sharers))
        write(f"{self.path}/pids.max", processes or max(_total() // _MIB, 512))  # each takes a good part of a MiB

    def measure(self) -> tuple[int, int, int, int]:
        """Give processes killed for want of memory, the memory allowed, forks refused, the processes allowed."""
        return (
            _read_event(f"{self.path}/memory.events", b"oom_kill"),
            int(_read(f"{self.path}/memory.max")),
            _read_event(f"{self.path}/pids.events", b"max"),
            int(_read(f"{self.path}/pids.max")),
        )


def _total() -> int:
    return os.sysconf("SC_PHYS_PAGES") * _PAGE


def share_memory(roots: int, wanted: int, sharers: int) -> int:
    """Give the bytes that one root may take, of those that all may: what is wanted, or (0) an equal share."""
    most = roots - _SLACK
    return min(wanted or most // max(sharers, 1), most)


def count_kept_pages(zones: bytes) -> int:
    """Count what the kernel keeps free, killing for it if it must, from /proc/zoneinfo; as for `MemAvailable`."""
    pages = high = managed = 0
    for line in zones.splitlines():
        key, _, value = line.strip().partition(b" ")
        if key == b"high":
            high = int(value)
        elif key == b"managed":
            managed = int(value)
        elif key == b"protection:":
            pages += min(managed, high + max(map(int, value.strip(b" ()").split(b","))))
    return pages


def _prepare() -> None:
    """Set up what all roots share, before the first; the agent gives up for good what no command may have.

    The kernel's own helpers, which load modules, are not the agent's children, and keep it.
    """
    write(f"{CGROUPS}/cgroup.subtree_control", _CONTROLLERS)
    os.mkdir(_ROOTS)
    write(f"{_ROOTS}/cgroup.subtree_control", _CONTROLLERS)
    # All roots together must leave the agent alive, and never have the kernel look everywhere for whom to kill.
    write(f"{_ROOTS}/memory.max", _total() - _RESERVE - count_kept_pages(_read("/proc/zoneinfo")) * _PAGE)
    attach_device_filter(_ROOTS)  # here, where no job sees it
    for number in _BARRED:
        bar_capability(number)


def write(path: str, content: bytes | int) -> None:
    """Write to a file of the kernel's."""
    fd = os.open(path, os.O_WRONLY | os.O_CLOEXEC)
    try:
        os.write(fd, content if isinstance(content, bytes) else b"%d" % content)
    finally:
        os.close(fd)


def _read(path: str) -> bytes:
    with open(path, "rb") as file:
        return file.read()


def _read_event(path: str, name: bytes) -> int:
    for line in _read(path).splitlines():
        key, _, value = line.partition(b" ")
        if key == name:
            return int(value)
    return 0
