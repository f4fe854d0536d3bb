"""How much of a machine this is."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path

_CGROUP_LIMITS = (
    Path("/sys/fs/cgroup/memory.max"),  # version 2
    Path("/sys/fs/cgroup/memory/memory.limit_in_bytes"),  # version 1
)


@dataclass(frozen=True, slots=True)
class HostCapacity:
    """What this process may use of the machine."""

    cpus: int
    memory_mib: int

    @classmethod
    def measure(cls) -> HostCapacity:
        """Ask the kernel; a container's limit counts."""
        cpus = len(os.sched_getaffinity(0))
        limits = [_memory_total_mib(Path("/proc/meminfo").read_text(encoding="ascii"))]
        limits += [limit for path in _CGROUP_LIMITS if (limit := _cgroup_limit_mib(path)) is not None]
        return cls(cpus, min(limits))


def _memory_total_mib(meminfo: str) -> int:
    found = re.search(r"^MemTotal:\s+(\d+) kB", meminfo, re.MULTILINE)
    return int(found[1]) // 1024 if found else 0


def _cgroup_limit_mib(path: Path) -> int | None:
    try:
        text = path.read_text(encoding="ascii").strip()
    except OSError:
        return None
    return int(text) >> 20 if text.isdecimal() else None
