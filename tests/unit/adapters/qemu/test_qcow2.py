"""Blank overlays."""

from __future__ import annotations

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from terraphim_runner.adapters.qemu.qcow2 import CLUSTER, blank_overlay


@given(st.integers(1, 1 << 30).map(lambda sectors: sectors * 512))
def test_every_cluster_is_counted_and_the_l1_table_covers_the_disk(size: int) -> None:
    """What `qemu-img check` checks."""
    image = blank_overlay(size)
    magic, version = struct.unpack_from(">II", image)
    (virtual_size,) = struct.unpack_from(">Q", image, 24)
    l1_entries, l1_at = struct.unpack_from(">IQ", image, 36)
    counted = struct.unpack_from(f">{len(image) // CLUSTER + 1}H", image, 2 * CLUSTER)

    assert (magic, version) == (0x514649FB, 3)
    assert virtual_size == size
    assert l1_entries * (CLUSTER // 8) * CLUSTER >= size
    assert l1_at + l1_entries * 8 <= len(image)
    assert counted == (1,) * (len(image) // CLUSTER) + (0,)


@pytest.mark.parametrize("size", [0, -512, 100, 1 << 62])
def test_an_impossible_size_is_refused(size: int) -> None:
    """Rather than written."""
    with pytest.raises(ValueError, match="disk"):
        blank_overlay(size)
