"""What a VMM process used, as the kernel counted it."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path

from terraphim_runner.domain.errors import MachineLost

_PEAK = re.compile(r"^VmHWM:\s+(\d+) kB", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class ProcessUsage:
    """Processor time and memory."""

    cpu_s: float
    peak_memory_bytes: int

    @classmethod
    def of(cls, pid: int) -> ProcessUsage:
        """Look at a process.

        Raises:
            MachineLost: it is gone.
        """
        directory = Path("/proc", str(pid))
        try:
            return cls.parse((directory / "stat").read_text(), (directory / "status").read_text())
        except OSError as exc:
            raise MachineLost(f"VMM {pid} is gone") from exc

    @classmethod
    def parse(cls, stat: str, status: str) -> ProcessUsage:
        """Read what /proc tells; a process that has ended has no memory any more."""
        fields = stat.rpartition(")")[2].split()
        ticks = int(fields[11]) + int(fields[12])
        peak = _PEAK.search(status)
        return cls(ticks / os.sysconf("SC_CLK_TCK"), int(peak[1]) * 1024 if peak else 0)
