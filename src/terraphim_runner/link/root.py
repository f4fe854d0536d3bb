"""Roots of a guest: made, measured, removed."""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from terraphim_runner.domain.errors import FileTransferFailed, InfraError
from terraphim_runner.ports.vm import Breach, Limit
from terraphim_runner.wire.message import Measure, OpenRoot, PrepareRoots

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from terraphim_runner.link.guest_link import GuestLink
    from terraphim_runner.ports.vm import RootSpec
    from terraphim_runner.wire.message import Usage

_MIB = 1 << 20
_HARDLY_ANYTHING = 4 * _MIB  # a disk with less room left counts as full: whoever failed for it may have tidied up


@asynccontextmanager
async def keep_root(link: GuestLink, spec: RootSpec) -> AsyncIterator[None]:
    """Have a root made; have everything in it killed and itself removed at the end.

    Raises:
        InfraError: the guest could not make it, is gone, or talks nonsense.
    """
    channel = link.open_channel()
    try:
        memory = (spec.memory_mib or 0) * _MIB
        link.send(OpenRoot(channel.number, spec.name, memory, spec.processes or 0, spec.sharers))
        await channel.wait_until(lambda: channel.is_answered or channel.failed is not None)
        if channel.failed is not None:
            raise InfraError(f"the VM could not make a root for {spec.name}: {channel.failed.text}")
        yield
    finally:
        await link.end_channel(channel)


async def prepare_roots(link: GuestLink, count: int) -> None:
    """Have roots made ahead of those who will ask for one.

    Raises:
        InfraError: the guest could not.
    """
    try:
        await link.request(PrepareRoots, count)
    except FileTransferFailed as exc:
        raise InfraError(f"the VM could not make roots for jobs: {exc}") from exc


async def measure_root(link: GuestLink, name: str) -> Usage:
    """Ask what a root has taken of the machine.

    Raises:
        InfraError: it is not open, or the guest is gone.
    """
    channel = link.open_channel()
    try:
        link.send(Measure(channel.number, name))
        await channel.wait_until(lambda: channel.usage is not None or channel.failed is not None)
    finally:
        link.forget(channel)
    if channel.usage is None:
        raise InfraError(f"the root of {name} cannot be measured: {channel.failed and channel.failed.text}")
    return channel.usage


def find_breaches(usage: Usage, sharers: int = 1) -> tuple[Breach, ...]:
    """Judge which limits were met; with `sharers`, that of memory is a share."""
    found = []
    if usage.killed:
        found.append(Breach(Limit.MEMORY, usage.memory // _MIB, usage.killed, sharers))
    if usage.refused:
        found.append(Breach(Limit.PROCESSES, usage.processes, usage.refused))
    if usage.disk_free < _HARDLY_ANYTHING:
        found.append(Breach(Limit.DISK, usage.disk_size // _MIB))
    return tuple(found)
