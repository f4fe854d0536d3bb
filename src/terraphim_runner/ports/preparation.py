"""What a provider may be able to do besides: have VMs ready before anybody asks for one.

    prepared = await provider.prepare(request)     # restored, warmed up, paused: it uses no processor
    vm = await prepared.activate()                 # woken, with the right time; its agent answers
    await provider.release(prepared.id)            # at any moment, as for every VM of this provider

A second Protocol and not a flag: a provider that cannot do it does not have the method.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from terraphim_runner.ports.vm import VmProvider

if TYPE_CHECKING:
    from terraphim_runner.domain.errors import InfraError
    from terraphim_runner.domain.ident import VmId
    from terraphim_runner.ports.vm import AllocationRequest, Vm


class PreparedVm(Protocol):
    """A VM that waits for somebody to need it. It is nobody's until it was activated."""

    @property
    def id(self) -> VmId:
        """Which VM this is; constant."""
        ...

    async def activate(self) -> Vm:
        """Wake it, once; return when its agent has answered, which is its health check.

        Raises:
            InfraError: it does not come back; release it, and take another.
        """
        ...

    async def wait_lost(self) -> InfraError:
        """Wait until it is of no use any more, and tell why: it died, or was released."""
        ...


class VmPreparer(VmProvider, Protocol):
    """A provider that can prepare VMs. What is prepared counts as held."""

    async def prepare(self, request: AllocationRequest) -> PreparedVm:
        """Make a VM as `allocate` would, warm what its first command will need, and pause it.

        It has randomness and names of its own already; `activate` sets its clock. A cancelled `prepare` leaves
        nothing behind.

        Raises:
            HostError | InfraError: as `allocate`.
        """
        ...

    async def sweep(self) -> None:
        """Clear what dead processes left in slots that nobody has. Slots in use are left alone."""
        ...
