"""How much memory the roots of a machine may take, together and each."""

from __future__ import annotations

import pytest

from terraphim_runner.guest.root_cgroup import count_kept_pages, share_memory

MIB = 1 << 20
ALL = 1808 * MIB

# What matters of a machine with 2 GiB.
ZONES = b"""\
Node 0, zone      DMA
  pages free     3776
        boost    0
        min      85
        low      106
        high     127
        managed  3840
        protection: (0, 1955, 1955, 1955, 1955)
      nr_free_pages 3776
  pagesets
    cpu: 0
              count: 0
              high:  53
Node 0, zone    DMA32
  pages free     456939
        min      11178
        low      13972
        high     16766
        managed  502952
        protection: (0, 0, 0, 0, 0)
    cpu: 0
              high:  3493
Node 0, zone   Normal
        high     0
        managed  0
        protection: (0, 0, 0, 0, 0)
"""


def test_what_the_kernel_keeps_free_of_each_zone_is_nobodys() -> None:
    """Its high mark, and what it keeps from those who could use a higher zone: no more than the zone has."""
    assert count_kept_pages(ZONES) == (127 + 1955) + 16766
    assert count_kept_pages(ZONES.replace(b"(0, 1955,", b"(0, 9999,")) == 3840 + 16766


@pytest.mark.parametrize(
    ("wanted_mib", "sharers", "mib"),
    [(0, 1, 1800), (0, 2, 900), (0, 4, 450), (0, 0, 1800), (100, 2, 100), (1200, 2, 1200), (5000, 2, 1800)],
)
def test_a_root_may_take_its_share_or_what_it_was_given(wanted_mib: int, sharers: int, mib: int) -> None:
    """One that is alone may take nearly everything, and none ever all that the roots may take together."""
    assert share_memory(ALL, wanted_mib * MIB, sharers) == mib * MIB


@pytest.mark.parametrize("sharers", [1, 2, 3, 64])
def test_all_shares_together_leave_something_for_what_is_no_roots(sharers: int) -> None:
    assert sharers * share_memory(ALL, 0, sharers) <= ALL - 8 * MIB
