"""Where this machine's packages come from, and so its guests': they must reach it even if it is this machine."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from terraphim_runner.adapters.images.apt_setting import for_guest, read_host_settings
from terraphim_runner.adapters.images.apt_source import read_host_sources
from terraphim_runner.domain.network import Exceptions, Rule

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

_SUITE = "stable"  # whichever: the archives are the same for all
_PORTS = {"http": 80, "https": 443}


@cache
def package_mirrors() -> Exceptions:
    """Allow the Debian mirrors and the proxies that images are told of, each at its port."""
    sources = read_host_sources(Path("/etc/apt"), Path("/etc/os-release"), _SUITE)
    mirrors = [uri for source in sources for uri in source.seen_from_guest().uris]
    proxies = [setting.value for setting in for_guest(read_host_settings())]
    return Exceptions(tuple(_rules_for(mirrors)), tuple(_rules_for(proxies)))


def _rules_for(urls: Iterable[str]) -> Iterator[Rule]:
    return (rule for url in urls if (rule := rule_for(url)) is not None)


def rule_for(url: str) -> Rule | None:
    """Allow the server of one URL, as guests write it; none where it is no web address that a rule can name."""
    try:
        parts = urlsplit(url)
        port = parts.port or _PORTS[parts.scheme]
        return Rule.parse(f"{parts.hostname}:{port}")
    except (ValueError, KeyError):
        return None
