"""Who is let out, beyond the policy itself."""

from __future__ import annotations

from ipaddress import IPv4Address
from typing import TYPE_CHECKING

import pytest

from terraphim_runner.adapters.system_clock import SystemClock
from terraphim_runner.domain.network import Exceptions, NetworkMode, NetworkPolicy, Rule
from terraphim_runner.egress.guard import Guard
from terraphim_runner.egress.journal import Journal

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_MIRRORS = tuple(map(Rule.parse, ("mirror.corp:80", "10.0.0.9:80", "host:3142")))
_EXCEPTIONS = Exceptions(_MIRRORS, (Rule.parse("10.0.0.1:3128"),))


@pytest.fixture
def guard(tmp_path: Path) -> Iterator[Guard]:
    """One of an open network, on a machine whose apt has mirrors and a proxy."""
    journal = Journal(tmp_path / "log", SystemClock())
    yield Guard(NetworkPolicy(NetworkMode.OPEN), journal, own=frozenset, exceptions=lambda: _EXCEPTIONS)
    journal.close()


def test_a_mirror_in_a_private_network_may_be_reached(guard: Guard) -> None:
    guard.learn("mirror.corp", [IPv4Address("10.0.0.7")])

    assert guard.judge("tcp", "10.0.0.7", 80).verdict.is_allowed
    assert guard.judge("tcp", "10.0.0.9", 80).verdict.is_allowed
    assert not guard.judge("tcp", "10.0.0.8", 80).verdict.is_allowed


@pytest.mark.parametrize(
    ("name", "is_allowed"),
    [
        ("mirror.corp", True),
        ("10.0.0.9", True),
        ("169.254.169.254", False),
        ("db.corp", False),
        ("127.0.0.1", False),
        (None, False),
    ],
)
def test_p10_the_proxy_of_this_machines_apt_is_asked_for_its_mirrors_only(
    guard: Guard, name: str | None, is_allowed: bool
) -> None:
    """Else a guest would reach through it what it may not reach itself: clouds' metadata, databases."""
    errand = guard.judge("tcp", "10.0.0.1", 3128)

    assert errand.verdict.is_allowed
    assert guard.hear(errand, name).verdict.is_allowed is is_allowed
    assert not guard.judge("udp", "10.0.0.2", 3128).verdict.is_allowed


def test_however_many_names_a_guest_looks_up_few_are_kept_of_an_address(guard: Guard) -> None:
    """Its questions would take all of this machine's memory, and the time of others."""
    for number in range(1000):
        guard.learn(f"n{number}.example", [IPv4Address("9.9.9.9")])

    assert len(guard.judge("tcp", "9.9.9.9", 443).destination.names) == 64
