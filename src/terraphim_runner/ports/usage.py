"""A second ability of providers: to tell what a VM used."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol, runtime_checkable

if TYPE_CHECKING:
    from terraphim_runner.domain.ident import VmId
    from terraphim_runner.domain.usage import VmUsage


@runtime_checkable
class MeteredProvider(Protocol):
    """A provider that measures what its VMs use."""

    async def usage(self, vm_id: VmId) -> VmUsage | None:
        """Tell what a VM used until now; none if this provider does not hold it.

        Raises:
            InfraError: the VM is gone.
        """
        ...
