"""Labels that name a size."""

from __future__ import annotations

import pytest

from terraphim_runner.domain.vm_type import VmType
from terraphim_runner.workflow.sized_label import SizeRange

BASE = VmType("default", "debian-12", 2, 2048, 8192)
RANGE = SizeRange(BASE, max_cpus=8, max_memory_mib=16384, max_disk_mib=65536)


@pytest.mark.parametrize(
    ("label", "sizes"),
    [
        ("vm-4cpu-8gb", (4, 8192, 8192)),
        ("VM-4CPU-8GB", (4, 8192, 8192)),
        ("vm-1cpu", (1, 2048, 8192)),
        ("vm-16gb", (2, 16384, 8192)),
        ("vm-1cpu-512mb-20gb-disk", (1, 512, 20480)),
        ("vm-30gb-disk", (2, 2048, 30720)),
    ],
)
def test_a_label_says_what_differs_from_the_type_it_is_based_on(label: str, sizes: tuple[int, int, int]) -> None:
    assert RANGE.read(label) == VmType(label.lower(), "debian-12", *sizes)


@pytest.mark.parametrize(
    "label", ["ubuntu-latest", "vm", "vm-", "vm-4", "vm-4cpus", "vm-8gb-4cpu", "vm-4cpu-", "avm-4cpu"]
)
def test_other_labels_are_none_of_these(label: str) -> None:
    assert RANGE.read(label) is None


@pytest.mark.parametrize(
    ("label", "fault"),
    [
        ("vm-9cpu", "asks for 9 CPUs; it can be 1 to 8 here (sized_labels.max_cpus)"),
        ("vm-0cpu", "asks for 0 CPUs; it can be 1 to 8 here (sized_labels.max_cpus)"),
        ("vm-17gb", "asks for 17408 MiB of memory; it can be 128 to 16384 here (sized_labels.max_memory_mib)"),
        ("vm-4cpu-64mb", "asks for 64 MiB of memory; it can be 128 to 16384 here (sized_labels.max_memory_mib)"),
        ("vm-100gb-disk", "asks for 102400 MiB of disk; it can be 256 to 65536 here (sized_labels.max_disk_mib)"),
    ],
)
def test_what_is_out_of_range_is_told_with_the_range(label: str, fault: str) -> None:
    assert RANGE.read(label) == fault


def test_only_what_the_label_asks_for_is_held_to_the_range() -> None:
    """What the operator's own type has needs nobody's leave."""
    assert SizeRange(BASE, 8, 1024, 1024).read("vm-4cpu") == VmType("vm-4cpu", "debian-12", 4, 2048, 8192)
