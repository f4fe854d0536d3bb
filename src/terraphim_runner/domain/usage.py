"""What a VM used, and what its network policy kept from it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Blocked:
    """Something that the network policy refused."""

    name: str  # what the guest called it, or its address; `host`: this machine
    port: int | None  # none: its name was not even looked up
    count: int

    def __str__(self) -> str:
        """Print it as a person would name it: `example.com:443 (3 times)`."""
        place = self.name if self.port is None else f"{self.name}:{self.port}"
        return place if self.count == 1 else f"{place} ({self.count} times)"


@dataclass(frozen=True, slots=True)
class NetworkUsage:
    """What went over a VM's network."""

    in_bytes: int
    out_bytes: int
    blocked: tuple[Blocked, ...]
    log: str  # a file with a line of JSON for each connection and question; not there if there was none


@dataclass(frozen=True, slots=True)
class VmUsage:
    """What a VM used of its machine, from its hand-out on or a little before."""

    cpu_s: float  # of the whole VMM: emulation and devices are in it
    cpu_throttled_s: float  # for so long its quota kept it from the processors; 0 where no control group counts it
    peak_memory_bytes: int  # of the VMM, pages that it shares with its template included
    disk_written_bytes: int
    network: NetworkUsage | None  # none: there is no network, or nobody looks at it
