"""How much of a machine this is."""

from __future__ import annotations

from terraphim_runner.settings.host import HostCapacity


def test_the_machine_that_runs_this_test_has_a_core_and_memory() -> None:
    """Reading /proc works here."""
    capacity = HostCapacity.measure()

    assert capacity.cpus >= 1
    assert capacity.memory_mib > 64
