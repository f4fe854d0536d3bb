"""What a network policy says of a destination."""

from __future__ import annotations

from ipaddress import IPv4Address

import pytest

from terraphim_runner.domain.network import OPEN, Destination, NetworkMode, NetworkPolicy, Rule


def policy(mode: NetworkMode, *rules: str) -> NetworkPolicy:
    return NetworkPolicy(mode, tuple(map(Rule.parse, rules)))


def destination(address: str, port: int = 443, *names: str, is_own: bool = False) -> Destination:
    return Destination(IPv4Address(address), port, frozenset(names), is_own)


def listed(*rules: str) -> NetworkPolicy:
    return policy(NetworkMode.ALLOWLIST, *rules)


def test_an_open_network_is_the_internet() -> None:
    assert OPEN.judge(destination("93.184.216.34", 12345)).is_allowed


@pytest.mark.parametrize(
    ("address", "place"),
    [
        ("127.0.0.1", "this machine"),
        ("127.1.2.3", "this machine"),
        ("0.0.0.0", "this machine"),
        ("169.254.169.254", "this link"),
        ("224.0.0.251", "this link"),
        ("255.255.255.255", "this link"),
        ("10.0.0.1", "a private network"),
        ("172.31.255.255", "a private network"),
        ("192.168.1.1", "a private network"),
        ("100.64.0.1", "a private network"),
    ],
)
def test_p10_an_open_network_does_not_reach_what_is_near(address: str, place: str) -> None:
    verdict = OPEN.judge(destination(address))

    assert not verdict.is_allowed
    assert verdict.reason == f"an address of {place}"


def test_p10_a_public_address_of_this_machine_is_this_machine() -> None:
    assert OPEN.judge(destination("93.184.216.34", is_own=True)).reason == "an address of this machine"


def test_a_rule_opens_a_private_address_at_its_ports_only() -> None:
    opened = policy(NetworkMode.OPEN, "10.1.0.0/16:5432")

    assert opened.judge(destination("10.1.2.3", 5432)).is_allowed
    assert not opened.judge(destination("10.1.2.3", 22)).is_allowed
    assert not opened.judge(destination("10.2.2.3", 5432)).is_allowed


@pytest.mark.parametrize("text", ["host:3128", "10.0.2.2:3128", "127.0.0.1:3128"])
def test_this_machine_can_be_opened_by_the_port(text: str) -> None:
    opened = policy(NetworkMode.OPEN, text)

    assert opened.judge(destination("127.0.0.1", 3128)).is_allowed
    assert not opened.judge(destination("127.0.0.1", 22)).is_allowed


def test_a_named_rule_opens_a_private_address_that_the_name_leads_to() -> None:
    opened = policy(NetworkMode.OPEN, "mirror.corp:80")

    assert opened.judge(destination("10.1.2.3", 80, "mirror.corp")).is_allowed
    assert not opened.judge(destination("10.1.2.3", 80, "other.corp")).is_allowed


@pytest.mark.parametrize("address", ["127.0.0.1", "169.254.169.254"])
def test_p10_no_name_leads_to_this_machine_or_its_metadata_service(address: str) -> None:
    """Whoever controls a name's addresses must not gain by it."""
    for mode in (NetworkMode.OPEN, NetworkMode.ALLOWLIST):
        assert not policy(mode, "pypi.org:*").judge(destination(address, 80, "pypi.org")).is_allowed


def test_an_allow_list_allows_what_it_lists() -> None:
    only = listed("pypi.org", "*.debian.org:80", "1.2.3.0/24:22")

    assert only.judge(destination("9.9.9.9", 443, "pypi.org")).is_allowed
    assert only.judge(destination("9.9.9.9", 80, "deb.debian.org")).is_allowed
    assert only.judge(destination("1.2.3.4", 22)).is_allowed


@pytest.mark.parametrize(
    "where",
    [
        destination("9.9.9.9", 443),
        destination("9.9.9.9", 22, "pypi.org"),
        destination("9.9.9.9", 443, "deb.debian.org"),
        destination("9.9.9.9", 80, "debian.org"),
        destination("9.9.9.9", 80, "evildebian.org"),
        destination("9.9.9.9", 443, "files.pypi.org"),
        destination("1.2.3.4", 80),
    ],
)
def test_an_allow_list_allows_nothing_else(where: Destination) -> None:
    assert listed("pypi.org", "*.debian.org:80", "1.2.3.0/24:22").judge(where).reason == "not on the allow list"


def test_what_is_allowed_for_its_name_must_call_that_name() -> None:
    only = listed("pypi.org", "1.2.3.4")

    assert only.judge(destination("9.9.9.9", 443, "pypi.org")).is_by_name
    assert not only.judge(destination("1.2.3.4", 443)).is_by_name
    assert only.may_call("pypi.org", 443)
    assert not only.may_call("pypi.org", 8443)
    assert not only.may_call("example.com", 443)


def test_an_allow_list_limits_what_can_be_looked_up() -> None:
    """Else every question would carry data out."""
    only = listed("pypi.org:22", "*.debian.org", "10.0.0.1")

    assert [only.may_look_up(name) for name in ("pypi.org", "a.b.debian.org", "debian.org", "x.pypi.org")] == [
        True,
        True,
        False,
        False,
    ]
    assert OPEN.may_look_up("anything.example")


@pytest.mark.parametrize(
    ("text", "ports"),
    [
        ("a.org", ((80, 80), (443, 443))),
        ("a.org:22", ((22, 22),)),
        ("a.org:22,8000-8010", ((22, 22), (8000, 8010))),
        ("A.Org:*", ((1, 65535),)),
    ],
)
def test_ports_are_written_in_four_ways(text: str, ports: tuple[tuple[int, int], ...]) -> None:
    rule = Rule.parse(text)

    assert (rule.name, rule.ports) == ("a.org", ports)


@pytest.mark.parametrize(
    "text",
    ["", "*", "a.*.org", "https://a.org", "a.org:", "a.org:0", "a.org:70000", "a.org:9-8", "1.2.3", "a b", "::1"],
)
def test_what_is_no_rule_is_refused_by_its_text(text: str) -> None:
    with pytest.raises(ValueError, match=r"is not|is no port|Expected|octet"):
        Rule.parse(text)
