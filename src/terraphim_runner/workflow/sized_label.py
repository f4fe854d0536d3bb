"""Labels that say how large a machine is to be: `vm-4cpu-8gb`."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from terraphim_runner.domain.vm_type import VmType

SHAPE = "vm-<n>cpu-<n>gb-<n>gb-disk, of which any may be left out"
_LABEL = re.compile(r"vm(?:-(?P<cpus>\d+)cpu)?(?:-(?P<memory>\d+)(?P<unit>[gm]b))?(?:-(?P<disk>\d+)gb-disk)?")
_MIB = {"gb": 1024, "mb": 1}


@dataclass(frozen=True, slots=True)
class SizeRange:
    """What may be asked for: a VM type for what a label leaves out, and the most of each."""

    vm_type: VmType
    max_cpus: int
    max_memory_mib: int
    max_disk_mib: int

    def read(self, label: str) -> VmType | str | None:
        """Give the machine that a label asks for; why it cannot be had; or none if it is no such label."""
        found = _LABEL.fullmatch(label.lower())
        if found is None or not any(found.groups()):
            return None
        cpus = int(found["cpus"] or self.vm_type.cpus)
        memory_mib = int(found["memory"]) * _MIB[found["unit"]] if found["memory"] else self.vm_type.memory_mib
        disk_mib = int(found["disk"]) * 1024 if found["disk"] else self.vm_type.disk_mib
        name = label.lower()
        wanted = replace(self.vm_type, name=name, cpus=cpus, memory_mib=memory_mib, disk_mib=disk_mib)
        return self._fault(wanted, found.groupdict()) or wanted

    def _fault(self, wanted: VmType, asked: dict[str, str | None]) -> str | None:
        checks = (
            ("cpus", wanted.cpus, 1, self.max_cpus, "CPUs", "max_cpus"),
            ("memory", wanted.memory_mib, 128, self.max_memory_mib, "MiB of memory", "max_memory_mib"),
            ("disk", wanted.disk_mib, 256, self.max_disk_mib, "MiB of disk", "max_disk_mib"),
        )
        for key, amount, least, most, unit, setting in checks:
            if asked[key] and not least <= amount <= most:
                return f"asks for {amount} {unit}; it can be {least} to {most} here (sized_labels.{setting})"
        return None
