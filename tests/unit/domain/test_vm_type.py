"""Shapes of machine, compared."""

from __future__ import annotations

from terraphim_runner.domain.vm_type import VmType

SMALL = VmType("small", "debian-12", 1, 1024, 4096)
LARGE = VmType("large", "debian-12", 4, 8192, 8192)
WIDE = VmType("wide", "debian-12", 8, 512, 4096)
OTHER = VmType("other", "ubuntu-24", 2, 2048, 8192)


def test_a_larger_machine_can_run_what_a_smaller_one_can() -> None:
    assert LARGE.can_run(SMALL)
    assert not SMALL.can_run(LARGE)
    assert not LARGE.can_run(WIDE)
    assert not LARGE.can_run(OTHER)


def test_of_two_types_the_one_that_can_run_both_is_taken() -> None:
    assert SMALL.enlarge(LARGE) is LARGE
    assert LARGE.enlarge(SMALL) is LARGE


def test_of_two_types_that_cannot_run_each_other_a_type_is_made_that_can() -> None:
    assert LARGE.enlarge(WIDE) == VmType("large+wide", "debian-12", 8, 8192, 8192)
