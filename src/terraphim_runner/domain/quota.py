"""Limits of a VM that are not its size."""

from __future__ import annotations

from dataclasses import dataclass, fields


@dataclass(frozen=True, slots=True)
class Quota:
    """What a VM of a type may take; what is not set follows from its size, or is not limited."""

    job_memory_mib: int | None = None  # of one job, in the guest; not set: its share of the VM's
    processes: int | None = None  # of one job, in the guest; not set: as many as its memory can bear
    cpu_limit: float | None = None  # cores of this machine, for the whole VMM; not set: its CPUs and one more
    io_mib_s: int | None = None  # read and written on its disk, together; not set: no limit

    def __str__(self) -> str:
        """Print what is set, as the settings have it."""
        values = ((each.name, getattr(self, each.name)) for each in fields(self))
        return ", ".join(f"{name} {value:g}" for name, value in values if value is not None) or "none"


NO_QUOTA = Quota()
