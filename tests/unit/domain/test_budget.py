"""What a machine may promise."""

from __future__ import annotations

from terraphim_runner.domain.budget import UNLIMITED, Budget, Share
from terraphim_runner.domain.vm_type import VmType


def test_a_budget_is_the_machine_times_its_factors() -> None:
    budget = Budget.of_host(cpus=2, memory_mib=8192, cpu_overcommit=1.5, memory_overcommit=0.5)

    assert budget == Budget(3.0, 4096.0)


def test_shares_add_up() -> None:
    large = Share.of(VmType("large", "debian-12", 4, 8192, 1))

    assert Share.total([large, Share(1, 512)]) == Share(5, 8704)
    assert Share.total([]) == Share()


def test_a_shortage_names_what_there_is_too_little_of() -> None:
    budget = Budget(3.0, 4096.0)

    assert budget.shortage(Share(3, 4096)) is None
    assert budget.shortage(Share(4, 1)) == "4 CPUs of 3"
    assert budget.shortage(Share(1, 4097)) == "4097 MiB of memory of 4096"
    assert UNLIMITED.holds(Share(10**6, 10**9))
