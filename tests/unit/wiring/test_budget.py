"""What the settings promise of a machine."""

from __future__ import annotations

import pytest

from terraphim_runner.domain.budget import UNLIMITED, Budget
from terraphim_runner.settings.host import HostCapacity
from terraphim_runner.settings.load import load_settings
from terraphim_runner.wiring.engine import session_limits

_HOST = HostCapacity(cpus=4, memory_mib=8192)


def test_sessions_share_the_budget_of_the_machine() -> None:
    """By the factors that are set, or the documented ones."""
    environ = {"HOME": "/home/none", "TERRAPHIM_CPU_OVERCOMMIT": "1.5"}
    limits = session_limits(load_settings({}, environ, _HOST), _HOST)

    assert limits.budget == Budget(6.0, 6144.0)
    assert limits.max_concurrent_sessions == 4


@pytest.mark.parametrize("provider", ["process", "memory"])
def test_what_makes_no_vms_has_no_budget(provider: str) -> None:
    settings = load_settings({"provider": provider}, {"HOME": "/home/none"}, _HOST)

    assert session_limits(settings, _HOST).budget == UNLIMITED
