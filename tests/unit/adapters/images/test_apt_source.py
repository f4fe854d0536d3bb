"""The host's own Debian mirrors serve its guests; everything else its apt knows does not."""

from __future__ import annotations

import pytest

from terraphim_runner.adapters.images.apt_source import (
    AptSource,
    debian_sources,
    guest_url,
    parse_deb822,
    parse_one_line,
    render,
)

KEYRING = "/usr/share/keyrings/debian-archive-keyring.gpg"
DEBIAN = AptSource(("http://mirror.example/debian",), ("bookworm", "bookworm-updates"), ("main",), KEYRING)


def test_deb822_is_read_and_written_alike() -> None:
    assert parse_deb822(render((DEBIAN, DEBIAN))) == [DEBIAN, DEBIAN]


def test_deb822_comments_and_folded_lines_are_understood() -> None:
    text = """\
Types: deb deb-src
# a word
URIs:
 http://mirror.example/debian
Suites: bookworm
Components: main contrib
"""

    assert parse_deb822(text) == [AptSource(("http://mirror.example/debian",), ("bookworm",), ("main", "contrib"))]


@pytest.mark.parametrize("line", ["Enabled: no", "Types: deb-src"])
def test_deb822_entries_that_give_no_packages_are_left_out(line: str) -> None:
    assert parse_deb822(f"Types: deb\nURIs: http://m.example\nSuites: s\nComponents: main\n{line}\n") == []


def test_one_line_entries_are_read_with_their_options() -> None:
    text = f"""
# deb http://off.example/debian bookworm main
deb [arch=amd64 signed-by={KEYRING}] http://mirror.example/debian bookworm main contrib # a word
deb-src http://mirror.example/debian bookworm main
"""

    assert parse_one_line(text) == [
        AptSource(("http://mirror.example/debian",), ("bookworm",), ("main", "contrib"), KEYRING)
    ]


def test_the_hosts_release_is_replaced_by_the_images() -> None:
    chosen = debian_sources([DEBIAN], "bookworm", "trixie")

    assert chosen == (AptSource(DEBIAN.uris, ("trixie", "trixie-updates"), ("main",), KEYRING),)


@pytest.mark.parametrize(
    "foreign",
    [
        AptSource(("https://vendor.example/debian",), ("bookworm",), ("stable",)),
        AptSource(("https://vendor.example/debian",), ("bookworm",), ("main",), "/usr/share/keyrings/vendor.gpg"),
        AptSource(("https://vendor.example/debian",), ("bookworm-vendor",), ("main",)),
        AptSource(("file:///srv/debian",), ("bookworm",), ("main",)),
        AptSource(("https://me:secret@mirror.example/debian",), ("bookworm",), ("main",)),
    ],
)
def test_what_is_not_a_plain_mirror_of_debian_stays_with_the_host(foreign: AptSource) -> None:
    assert debian_sources([DEBIAN, foreign], "bookworm", "bookworm") == (DEBIAN,)


def test_sources_without_the_suite_itself_are_no_sources() -> None:
    updates_only = AptSource(DEBIAN.uris, ("bookworm-updates",), ("main",))

    assert debian_sources([updates_only], "bookworm", "bookworm") == ()


@pytest.mark.parametrize(
    ("url", "seen"),
    [
        ("http://localhost:3142/debian", "http://10.0.2.2:3142/debian"),
        ("http://127.0.0.1/debian", "http://10.0.2.2/debian"),
        ("http://[::1]:80/debian", "http://10.0.2.2:80/debian"),
        ("http://mirror.example/debian", "http://mirror.example/debian"),
    ],
)
def test_a_guest_reaches_the_hosts_loopback_under_another_address(url: str, seen: str) -> None:
    assert guest_url(url) == seen
