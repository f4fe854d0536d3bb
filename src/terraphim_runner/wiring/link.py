"""How patient links to guests are, by the settings."""

from __future__ import annotations

from typing import TYPE_CHECKING

from terraphim_runner.link.guest_link import LinkSettings

if TYPE_CHECKING:
    from terraphim_runner.settings.model import Settings


def link_settings(settings: Settings) -> LinkSettings:
    """Give a link's part of the settings."""
    return LinkSettings(
        handshake_timeout_s=settings.boot_timeout_s,
        heartbeat_interval_s=settings.heartbeat_interval_s,
        heartbeat_timeout_s=settings.heartbeat_timeout_s,
    )
