"""What a VMM may take of its host."""

from __future__ import annotations

import pytest

from terraphim_runner.adapters.qemu.cgroup import Budget, Cgroups


@pytest.mark.parametrize(
    ("version", "memory_file", "cpu_value"),
    [(1, "memory.limit_in_bytes", "300000"), (2, "memory.max", "300000 100000")],
)
def test_a_budget_is_the_guests_size_and_the_vmms_own_needs(
    version: int, memory_file: str, cpu_value: str
) -> None:
    """In the words of either version."""
    files = Budget(memory_mib=1024, cpus=2).files(version)

    assert int(files["memory"][memory_file]) > 1024 << 20
    assert list(files["cpu"].values()) == [cpu_value]
    assert files["pids"] == {"pids.max": "64"}


@pytest.mark.parametrize(("version", "cpu_value"), [(1, "50000"), (2, "50000 100000")])
def test_a_limit_on_processors_is_obeyed(version: int, cpu_value: str) -> None:
    """Instead of what follows from the size."""
    assert [*Budget(1024, 2, cpu_limit=0.5).files(version)["cpu"].values()] == [cpu_value]


def test_a_host_without_groups_is_told_so() -> None:
    """`doctor` shows it."""
    assert Cgroups(0, ()).description == "no control groups can be made here: rlimits only"
