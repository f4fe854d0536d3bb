"""What one provider object knows of its host."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Self

from terraphim_runner.adapters.qemu.accelerator import AcceleratorChoice, choose_accelerator, vmm_identity
from terraphim_runner.adapters.qemu.cgroup import Cgroups
from terraphim_runner.adapters.qemu.command_line import Shape
from terraphim_runner.adapters.qemu.confinement import Confinement, limits_for
from terraphim_runner.adapters.qemu.program import tsc_khz
from terraphim_runner.domain.network import NetworkMode

if TYPE_CHECKING:
    from terraphim_runner.adapters.qemu.config import QemuConfig
    from terraphim_runner.domain.vm_type import VmType


@dataclass(frozen=True, slots=True)
class Host:
    """This machine, measured."""

    config: QemuConfig
    choice: AcceleratorChoice
    cgroups: Cgroups
    tsc_khz: int

    @classmethod
    async def examine(cls, config: QemuConfig) -> Self:
        """Look at this machine.

        Raises:
            HostError: it cannot run VMs, with the remedy.
        """
        choice = await choose_accelerator(config)
        return cls(config, choice, Cgroups.detect(), _measure_tsc())

    def shape(self, vm_type: VmType) -> Shape:
        """Give the machine that VMs of a type are on this host."""
        has_network = vm_type.network.mode is not NetworkMode.NONE
        return Shape(self.choice.accelerator, vm_type.cpus, vm_type.memory_mib, has_network)

    def confinement(self, user_number: int, *, memory_mib: int, largest_file: int) -> Confinement:
        """Choose the limits of one VMM."""
        identity = vmm_identity(self.config, user_number)
        limits = limits_for(memory_mib=memory_mib, largest_file=largest_file, has_own_user=identity is not None)
        return Confinement(identity, limits, view=self.choice.view)


def _measure_tsc() -> int:
    return tsc_khz(Path("/proc/cpuinfo").read_text())
