"""The host's apt settings without which packages may not be had: proxies, and tolerance for old lists."""

from __future__ import annotations

import re
import shutil
import subprocess
from dataclasses import dataclass

from terraphim_runner.adapters.images.apt_source import guest_url, has_credentials

_LINE = re.compile(r'(?P<name>\S+) "(?P<value>[^"]*)";')
_PROXY = re.compile(r"Acquire::https?::Proxy(::\S+)?", re.IGNORECASE)
_LENIENCY = {"acquire::check-valid-until", "acquire::check-date", "acquire::retries"}


@dataclass(frozen=True, slots=True)
class AptSetting:
    """One option of apt."""

    name: str
    value: str

    def render(self) -> str:
        """Write it as apt's configuration files have it."""
        return f'{self.name} "{self.value}";'


def parse_apt_config(dump: str) -> tuple[AptSetting, ...]:
    """Choose from the output of `apt-config dump` what an image's apt must have too."""
    settings = (
        AptSetting(match["name"], match["value"]) for match in map(_LINE.fullmatch, dump.splitlines()) if match
    )
    return tuple(setting for setting in settings if setting.value and _matters(setting.name))


def for_guest(settings: tuple[AptSetting, ...]) -> tuple[AptSetting, ...]:
    """Give the settings as a guest must write them; a proxy with a password in its URL stays the host's secret."""
    return tuple(
        AptSetting(setting.name, guest_url(setting.value))
        for setting in settings
        if not has_credentials(setting.value)
    )


def read_host_settings() -> tuple[AptSetting, ...]:
    """Ask the host's apt; empty where there is none."""
    if shutil.which("apt-config") is None:
        return ()
    answer = subprocess.run(["apt-config", "dump"], capture_output=True, text=True, check=False)
    return parse_apt_config(answer.stdout)


def _matters(name: str) -> bool:
    return name.lower() in _LENIENCY or _PROXY.fullmatch(name) is not None
