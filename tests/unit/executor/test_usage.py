"""What is said of what was blocked."""

from __future__ import annotations

from dataclasses import replace

from terraphim_runner.domain.quota import Quota
from terraphim_runner.domain.usage import Blocked, NetworkUsage, VmUsage
from terraphim_runner.domain.vm_type import VmType
from terraphim_runner.executor.usage import blocked_message, throttled_message


def usage(*blocked: Blocked) -> VmUsage:
    return VmUsage(1.0, 0.0, 1, 1, NetworkUsage(0, 0, blocked, "/log"))


def test_what_was_blocked_is_named_with_how_often() -> None:
    message = blocked_message(usage(Blocked("odd.example", None, 1), Blocked("example.com", 443, 3)))

    assert message == "blocked by network policy: example.com:443 (3 times), odd.example; see /log"


def test_of_many_the_most_frequent_are_named() -> None:
    message = blocked_message(usage(*(Blocked(f"h{number}", 80, number) for number in range(1, 13))))

    assert message is not None
    assert message.startswith("blocked by network policy: h12:80 (12 times), ")
    assert message.endswith("h3:80 (3 times) and 2 more; see /log")


def test_nothing_blocked_is_nothing_said() -> None:
    assert blocked_message(usage()) is None
    assert blocked_message(VmUsage(1.0, 0.0, 1, 1, None)) is None
    assert blocked_message(None) is None


def test_time_that_a_quota_took_is_said_with_the_quota() -> None:
    slow = VmType("slow", "debian-12", 1, 512, 1024, quota=Quota(cpu_limit=0.5))

    assert throttled_message(VmUsage(9.0, 7.6, 1, 1, None), slow) == (
        "CPU throttled: for 8 s the VM was kept from the processors by cpu_limit = 0.5 of VM type slow"
    )
    assert throttled_message(VmUsage(9.0, 0.2, 1, 1, None), slow) is None
    assert throttled_message(VmUsage(9.0, 7.6, 1, 1, None), replace(slow, quota=Quota())) is None
    assert throttled_message(None, slow) is None
