"""Who descends from whom, from /proc."""

from __future__ import annotations

import _signal  # type: ignore[import-not-found]  # `signal` costs 4 ms at boot, for `enum`
import os


class Process:
    """A process as /proc showed it; `started` tells it from a later one of the same number."""

    __slots__ = ("group", "is_zombie", "parent", "pid", "started")

    def __init__(self, pid: int, stat: bytes) -> None:
        """Take the content of /proc/<pid>/stat."""
        fields = stat[stat.rindex(b")") + 2 :].split()
        self.pid = pid
        self.is_zombie = fields[0] in {b"Z", b"X"}
        self.parent = int(fields[1])
        self.group = int(fields[2])
        self.started = int(fields[19])


def read_process(pid: int) -> Process | None:
    """Look a process up; nothing if it is gone."""
    try:
        fd = os.open(f"/proc/{pid}/stat", os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return None
    try:
        return Process(pid, os.read(fd, 4096))
    except (OSError, ValueError):
        return None
    finally:
        os.close(fd)


def find_descendants(root: int) -> list[Process]:
    """List the descendants of a process, zombies too, parents first."""
    children: dict[int, list[Process]] = {}
    for name in os.listdir("/proc"):
        process = read_process(int(name)) if name.isdigit() else None
        if process is not None:
            children.setdefault(process.parent, []).append(process)
    found: list[Process] = []
    pending = [root]
    while pending:
        below = children.get(pending.pop(), [])
        pending += [process.pid for process in below]
        found += below
    return found


def send_signal(process: Process, number: int) -> bool:
    """Signal a process, and no other that has taken its number since; false if it is not allowed."""
    try:
        handle = os.pidfd_open(process.pid)
    except OSError:
        return True
    try:
        now = read_process(process.pid)
        if now is not None and now.started == process.started:
            _signal.pidfd_send_signal(handle, number)
    except ProcessLookupError:
        pass
    except PermissionError:
        return False
    finally:
        os.close(handle)
    return True
