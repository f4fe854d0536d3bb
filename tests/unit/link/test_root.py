"""What a guest measured is judged against limits on the host."""

from __future__ import annotations

import pytest

from terraphim_runner.link.root import find_breaches
from terraphim_runner.ports.vm import Breach, Limit
from terraphim_runner.wire.message import Usage

MIB = 1 << 20
ROOMY = {
    "killed": 0,
    "memory": 512 * MIB,
    "refused": 0,
    "processes": 100,
    "disk_free": 900 * MIB,
    "disk_size": 1000 * MIB,
}


@pytest.mark.parametrize(
    ("found", "breaches"),
    [
        ({}, []),
        ({"killed": 3}, [Breach(Limit.MEMORY, 512, 3)]),
        ({"refused": 7}, [Breach(Limit.PROCESSES, 100, 7)]),
        ({"disk_free": 5 * MIB}, []),
        ({"disk_free": 3 * MIB}, [Breach(Limit.DISK, 1000)]),
        ({"killed": 1, "disk_free": 0}, [Breach(Limit.MEMORY, 512, 1), Breach(Limit.DISK, 1000)]),
    ],
)
def test_every_limit_that_was_met_is_a_breach(found: dict[str, int], breaches: list[Breach]) -> None:
    assert list(find_breaches(Usage(1, **(ROOMY | found)))) == breaches


def test_a_breach_of_a_share_knows_that_it_was_one() -> None:
    assert find_breaches(Usage(1, **(ROOMY | {"killed": 1})), sharers=2) == (Breach(Limit.MEMORY, 512, 1, 2),)
