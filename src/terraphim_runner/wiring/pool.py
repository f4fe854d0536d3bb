"""Put a pool together from the settings."""

from __future__ import annotations

from typing import TYPE_CHECKING

from terraphim_runner.adapters.memory.provider import MemoryProvider
from terraphim_runner.domain.errors import UsageError
from terraphim_runner.pool.limits import PoolLimits
from terraphim_runner.pool.observer import ignore
from terraphim_runner.pool.pool import VmPool
from terraphim_runner.settings.model import ProviderName
from terraphim_runner.wiring.engine import budget
from terraphim_runner.wiring.qemu import make_qemu_provider

if TYPE_CHECKING:
    from collections.abc import Callable

    from terraphim_runner.pool.observer import PoolObserver
    from terraphim_runner.ports.clock import Clock
    from terraphim_runner.ports.preparation import VmPreparer
    from terraphim_runner.settings.host import HostCapacity
    from terraphim_runner.settings.model import Settings

_REFILL_DELAY_S = 0.3


def make_pool(
    settings: Settings,
    host: HostCapacity,
    clock: Clock,
    inform: Callable[[str], None],
    observer: PoolObserver = ignore,
) -> VmPool:
    """Make a pool of the settings' provider, which tells by `inform` what takes long.

    Raises:
        UsageError: it cannot prepare VMs.
    """
    return VmPool(_make_preparer(settings, clock, inform), clock, pool_limits(settings, host), observer)


def pool_limits(settings: Settings, host: HostCapacity) -> PoolLimits:
    """Give the pool's part of the settings, on a machine of this size."""
    pool = settings.pool
    in_use = settings.max_concurrent_sessions
    return PoolLimits(
        budget=budget(settings, host),
        max_total=sum(pool.min_idle.values()) + in_use if pool.max_total is None else pool.max_total,
        max_starting=host.cpus,
        min_idle={settings.vm_type(name): count for name, count in pool.min_idle.items()},
        refill_delay_s=_REFILL_DELAY_S,
        max_age_s=pool.max_age_s,
        strategy=pool.strategy,
        reuse=pool.reuse,
    )


def _make_preparer(settings: Settings, clock: Clock, inform: Callable[[str], None]) -> VmPreparer:
    match settings.provider:
        case ProviderName.QEMU:
            return make_qemu_provider(settings, clock, inform)
        case ProviderName.MEMORY:
            return MemoryProvider(clock)
        case _:
            raise UsageError(
                f"the provider `{settings.provider.value}` cannot have VMs ready",
                hint="a worker needs provider = 'qemu'; `terraphim-runner run` works without one",
            )
