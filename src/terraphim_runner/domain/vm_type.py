"""The shapes of machine that workflows can ask for."""

from __future__ import annotations

from dataclasses import dataclass, replace

from terraphim_runner.domain.network import OPEN, NetworkPolicy
from terraphim_runner.domain.quota import NO_QUOTA, Quota


@dataclass(frozen=True, slots=True)
class VmType:
    """An image and a size, as the settings name them."""

    name: str
    image: str  # an image's name or digest, as `terraphim-runner image list` shows it
    cpus: int
    memory_mib: int
    disk_mib: int  # room for what the run writes; the image's own content comes on top
    network: NetworkPolicy = OPEN
    quota: Quota = NO_QUOTA

    def can_run(self, other: VmType) -> bool:
        """Tell whether what asked for `other` can run here."""
        return self.difference(other) is None and all(
            mine >= wanted for mine, wanted in zip(self._sizes, other._sizes, strict=True)
        )

    def difference(self, other: VmType) -> str | None:
        """Say in what they differ that no size makes up for."""
        return next((name for name, value in self.traits.items() if other.traits[name] != value), None)

    def enlarge(self, other: VmType) -> VmType:
        """Give a type large enough for both; images and network policies must be the same."""
        if self.can_run(other):
            return self
        if other.can_run(self):
            return other
        cpus, memory_mib, disk_mib = map(max, self._sizes, other._sizes)
        name = f"{self.name}+{other.name}"
        return replace(self, name=name, cpus=cpus, memory_mib=memory_mib, disk_mib=disk_mib)

    @property
    def traits(self) -> dict[str, str]:
        """What they can differ in that no size makes up for."""
        return {"image": self.image, "network policy": str(self.network), "quota": str(self.quota)}

    @property
    def _sizes(self) -> tuple[int, int, int]:
        return self.cpus, self.memory_mib, self.disk_mib
