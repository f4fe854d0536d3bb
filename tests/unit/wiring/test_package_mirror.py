"""What VMs need of this machine to install packages."""

from __future__ import annotations

import pytest

from terraphim_runner.domain.network import Rule
from terraphim_runner.wiring.package_mirror import rule_for


@pytest.mark.parametrize(
    ("url", "rule"),
    [
        ("http://10.0.2.2:3142/debian", "10.0.2.2:3142"),
        ("http://deb.debian.org/debian", "deb.debian.org:80"),
        ("https://mirror.corp/debian", "mirror.corp:443"),
        ("http://10.1.2.3:3128/", "10.1.2.3:3128"),
    ],
)
def test_a_mirror_may_be_reached_at_its_port_only(url: str, rule: str) -> None:
    assert rule_for(url) == Rule.parse(rule)


@pytest.mark.parametrize(
    "url", ["file:///srv/debian", "DIRECT", "http://[::1]:80/", "cdrom:[x]", "http://a:99999/"]
)
def test_what_is_no_web_address_gives_no_rule(url: str) -> None:
    assert rule_for(url) is None
