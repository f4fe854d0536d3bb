"""The host's Debian mirrors, read from apt's own files: images come from where its packages come from."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING
from urllib.parse import urlsplit, urlunsplit

if TYPE_CHECKING:
    from pathlib import Path

GUEST_VIEW_OF_HOST = "10.0.2.2"  # user networking: the host's loopback, as a guest sees it
_DEBIAN_COMPONENTS = {"main", "contrib", "non-free", "non-free-firmware"}
_DEBIAN_KEYRINGS = "/usr/share/keyrings/debian-archive-"
_POCKETS = ("", "-updates", "-security", "/updates")
_ONE_LINE = re.compile(
    r"deb\s+(?:\[(?P<options>[^\]]*)\]\s+)?(?P<uri>\S+)\s+(?P<suite>\S+)\s+(?P<components>[^#]*)"
)


@dataclass(frozen=True, slots=True)
class AptSource:
    """One entry: every suite at every URI."""

    uris: tuple[str, ...]
    suites: tuple[str, ...]
    components: tuple[str, ...]
    signed_by: str = ""

    def render(self) -> str:
        """Write it in apt's deb822 format."""
        signed_by = f"Signed-By: {self.signed_by}\n" if self.signed_by else ""
        return (
            f"Types: deb\nURIs: {' '.join(self.uris)}\nSuites: {' '.join(self.suites)}\n"
            f"Components: {' '.join(self.components)}\n{signed_by}"
        )

    def seen_from_guest(self) -> AptSource:
        """Give the entry as a guest must write it: the host's loopback has another address there."""
        return replace(self, uris=tuple(guest_url(uri) for uri in self.uris))


def guest_url(url: str) -> str:
    """Replace the host's loopback by the address at which a guest reaches it."""
    parts = urlsplit(url)
    if parts.hostname not in {"localhost", "127.0.0.1", "::1"}:
        return url
    port = f":{parts.port}" if parts.port else ""
    return urlunsplit(parts._replace(netloc=f"{GUEST_VIEW_OF_HOST}{port}"))


def has_credentials(url: str) -> bool:
    """Tell whether a user name or password is part of the URL."""
    return "@" in urlsplit(url).netloc


def render(sources: tuple[AptSource, ...]) -> str:
    """Write a whole file in apt's deb822 format."""
    return "\n".join(source.render() for source in sources)


def parse_deb822(text: str) -> list[AptSource]:
    """Read a `.sources` file; entries that are off or hold only source code are left out."""
    stanzas = re.split(r"\n\s*\n", re.sub(r"(?m)^#.*\n?", "", text))
    return [source for stanza in stanzas if (source := _from_fields(_fields(stanza))) is not None]


def parse_one_line(text: str) -> list[AptSource]:
    """Read a `.list` file."""
    matches = (_ONE_LINE.match(line.strip()) for line in text.splitlines())
    return [_from_match(match) for match in matches if match is not None]


def debian_sources(sources: list[AptSource], host_codename: str, suite: str) -> tuple[AptSource, ...]:
    """Choose the entries that are Debian's own archive, for `suite` instead of the host's release.

    Anything else the host's apt knows (other vendors' archives, local files, entries with a password) is not a
    guest's business. Empty if what is left does not hold the suite itself.
    """
    chosen = [narrowed for source in sources if (narrowed := _narrow(source, host_codename, suite)) is not None]
    return tuple(chosen) if any(suite in source.suites for source in chosen) else ()


def read_host_sources(etc_apt: Path, os_release: Path, suite: str) -> tuple[AptSource, ...]:
    """Read the host's Debian mirrors; empty if it has none of its own."""
    codename = _debian_codename(os_release)
    if not codename:
        return ()
    parts = etc_apt / "sources.list.d"
    found = [source for path in sorted(parts.glob("*.sources")) for source in parse_deb822(_text(path))]
    lists = [etc_apt / "sources.list", *sorted(parts.glob("*.list"))]
    found += [source for path in lists for source in parse_one_line(_text(path))]
    return debian_sources(found, codename, suite)


def _fields(stanza: str) -> dict[str, str]:
    unfolded = re.sub(r"\n[ \t]+", " ", stanza)
    pairs = (line.partition(":") for line in unfolded.splitlines() if ":" in line)
    return {name.strip().lower(): value.strip() for name, _, value in pairs}


def _from_fields(fields: dict[str, str]) -> AptSource | None:
    enabled = fields.get("enabled", "yes").lower() not in {"no", "false", "0", "off"}
    if not enabled or "deb" not in fields.get("types", "").split():
        return None
    return AptSource(
        tuple(fields.get("uris", "").split()),
        tuple(fields.get("suites", "").split()),
        tuple(fields.get("components", "").split()),
        fields.get("signed-by", ""),
    )


def _from_match(match: re.Match[str]) -> AptSource:
    options = dict(option.partition("=")[::2] for option in (match["options"] or "").split())
    return AptSource(
        (match["uri"],), (match["suite"],), tuple(match["components"].split()), options.get("signed-by", "")
    )


def _narrow(source: AptSource, host_codename: str, suite: str) -> AptSource | None:
    pockets = {host_codename + pocket: suite + pocket for pocket in _POCKETS}
    suites = tuple(pockets[name.rstrip("/")] for name in source.suites if name.rstrip("/") in pockets)
    uris = tuple(
        uri for uri in source.uris if uri.startswith(("http://", "https://")) and not has_credentials(uri)
    )
    components = tuple(name for name in source.components if name in _DEBIAN_COMPONENTS)
    if not (suites and uris and components) or not (source.signed_by or _DEBIAN_KEYRINGS).startswith(
        _DEBIAN_KEYRINGS
    ):
        return None
    return AptSource(uris, suites, components, source.signed_by)


def _debian_codename(os_release: Path) -> str:
    pairs = (line.partition("=") for line in _text(os_release).splitlines())
    release = {name: value.strip('"') for name, _, value in pairs}
    return release.get("VERSION_CODENAME", "") if release.get("ID") == "debian" else ""


def _text(path: Path) -> str:
    return path.read_text(encoding="utf-8", errors="replace") if path.is_file() else ""
