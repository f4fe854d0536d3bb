"""How much of a machine its VMs may be promised together: arithmetic for whoever hands VMs out or keeps some."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from terraphim_runner.domain.vm_type import VmType


@dataclass(frozen=True, slots=True)
class Share:
    """What one VM, or several together, are promised."""

    cpus: int = 0
    memory_mib: int = 0

    @classmethod
    def of(cls, vm_type: VmType) -> Share:
        """Give what a VM of a type is promised: its size, whatever of it is in use."""
        return cls(vm_type.cpus, vm_type.memory_mib)

    def __add__(self, other: Share) -> Share:
        """Put two together."""
        return Share(self.cpus + other.cpus, self.memory_mib + other.memory_mib)

    @classmethod
    def total(cls, shares: Iterable[Share]) -> Share:
        """Put all together."""
        return sum(shares, cls())


@dataclass(frozen=True, slots=True)
class Budget:
    """The most that may be promised at one time."""

    cpus: float
    memory_mib: float

    @classmethod
    def of_host(cls, *, cpus: int, memory_mib: int, cpu_overcommit: float, memory_overcommit: float) -> Budget:
        """Give so many times what the machine has."""
        return cls(cpus * cpu_overcommit, memory_mib * memory_overcommit)

    def holds(self, promised: Share) -> bool:
        """Tell whether so much may be promised."""
        return self.shortage(promised) is None

    def shortage(self, promised: Share) -> str | None:
        """Say of what there would not be enough; none if there is."""
        if promised.cpus > self.cpus:
            return f"{promised.cpus} CPUs of {self.cpus:g}"
        if promised.memory_mib > self.memory_mib:
            return f"{promised.memory_mib} MiB of memory of {self.memory_mib:.0f}"
        return None


UNLIMITED = Budget(float("inf"), float("inf"))
