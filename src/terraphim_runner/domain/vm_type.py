"""The shapes of machine that workflows can ask for."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class VmType:
    """An image and a size, as the settings name them."""

    name: str
    image: str  # an image's name or digest, as `terraphim-runner image list` shows it
    cpus: int
    memory_mib: int
    disk_mib: int  # room for what the run writes; the image's own content comes on top

    def can_run(self, other: VmType) -> bool:
        """Tell whether what asked for `other` can run here."""
        return self.image == other.image and all(
            mine >= wanted for mine, wanted in zip(self._sizes, other._sizes, strict=True)
        )

    def enlarge(self, other: VmType) -> VmType:
        """Give a type large enough for both; the images must be the same."""
        if self.can_run(other):
            return self
        if other.can_run(self):
            return other
        sizes = (max(mine, wanted) for mine, wanted in zip(self._sizes, other._sizes, strict=True))
        return VmType(f"{self.name}+{other.name}", self.image, *sizes)

    @property
    def _sizes(self) -> tuple[int, int, int]:
        return self.cpus, self.memory_mib, self.disk_mib
