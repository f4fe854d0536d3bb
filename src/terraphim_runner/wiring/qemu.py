"""Put the provider `qemu` together from the settings."""

from __future__ import annotations

from typing import TYPE_CHECKING

from terraphim_runner.domain.errors import HostError

if TYPE_CHECKING:
    from terraphim_runner.ports.vm import VmProvider
    from terraphim_runner.settings.model import Settings


def make_qemu_provider(settings: Settings) -> VmProvider:
    """Make the provider."""
    raise HostError("not wired yet")
