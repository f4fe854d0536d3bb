"""Where this machine's packages come from, and so its guests': they must reach it even if it is this machine."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from terraphim_runner.adapters.images.apt_setting import for_guest, read_host_settings
from terraphim_runner.adapters.images.apt_source import read_host_sources
from terraphim_runner.domain.network import Rule

if TYPE_CHECKING:
    from collections.abc import Iterator

_SUITE = "stable"  # whichever: the archives are the same for all
_PORTS = {"http": 80, "https": 443}


@cache
def package_mirrors() -> tuple[Rule, ...]:
    """Allow the Debian mirrors and the proxies that images are told of, each at its port."""
    return tuple(rule for url in _urls() if (rule := rule_for(url)) is not None)


def rule_for(url: str) -> Rule | None:
    """Allow the server of one URL, as guests write it; none where it is no web address that a rule can name."""
    try:
        parts = urlsplit(url)
        port = parts.port or _PORTS[parts.scheme]
        return Rule.parse(f"{parts.hostname}:{port}")
    except (ValueError, KeyError):
        return None


def _urls() -> Iterator[str]:
    for source in read_host_sources(Path("/etc/apt"), Path("/etc/os-release"), _SUITE):
        yield from source.seen_from_guest().uris
    for setting in for_guest(read_host_settings()):
        yield setting.value
