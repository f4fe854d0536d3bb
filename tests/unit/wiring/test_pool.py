"""From the settings to what the pool may do."""

from __future__ import annotations

import pytest

from terraphim_runner.adapters.system_clock import SystemClock
from terraphim_runner.domain.budget import Budget
from terraphim_runner.domain.errors import UsageError
from terraphim_runner.pool.limits import Reuse, Strategy
from terraphim_runner.settings.host import HostCapacity
from terraphim_runner.settings.load import load_settings
from terraphim_runner.wiring.pool import make_pool, pool_limits

HOST = HostCapacity(4, 16000)


def test_the_hosts_budget_is_its_size_times_the_factors() -> None:
    """By default twice the processors, and three quarters of the memory."""
    settings = load_settings({}, {"HOME": "/home/none"}, HOST)
    limits = pool_limits(settings, HOST)

    assert limits.budget == Budget(8.0, 12000.0)
    assert limits.max_total == 1 + settings.max_concurrent_sessions
    assert {vm_type.name: count for vm_type, count in limits.min_idle.items()} == {"default": 1}
    assert (limits.strategy, limits.reuse, limits.max_starting) == (Strategy.LRU, Reuse.RESET, 4)


def test_what_is_set_is_what_holds() -> None:
    """Each key of the table, and the factors that hold for all VMs."""
    pool = '{"min_idle": {"default": 3}, "max_total": 7, "max_age_s": 60, "strategy": "mru", "reuse": "never"}'
    factors = {"TERRAPHIM_CPU_OVERCOMMIT": "1", "TERRAPHIM_MEMORY_OVERCOMMIT": "0.5"}
    environ = {"HOME": "/home/none", "TERRAPHIM_POOL": pool, **factors}
    limits = pool_limits(load_settings({}, environ, HOST), HOST)

    assert limits.budget == Budget(4.0, 8000.0)
    assert (limits.max_total, limits.max_age_s) == (7, 60.0)
    assert (limits.strategy, limits.reuse) == (Strategy.MRU, Reuse.NEVER)
    assert list(limits.min_idle.values()) == [3]


def test_a_provider_that_cannot_prepare_is_refused() -> None:
    """`process` has nothing to restore."""
    settings = load_settings({"provider": "process"}, {"HOME": "/home/none"}, HOST)
    with pytest.raises(UsageError, match="`process` cannot have VMs ready"):
        make_pool(settings, HOST, SystemClock(), lambda _: None)
