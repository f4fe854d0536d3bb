"""From the settings to what the provider is told."""

from __future__ import annotations

from terraphim_runner.settings.host import HostCapacity
from terraphim_runner.settings.load import load_settings
from terraphim_runner.wiring.qemu import qemu_config

_TIMES = {
    "boot_timeout_s": 101.0,
    "restore_timeout_s": 102.0,
    "release_timeout_s": 103.0,
    "heartbeat_interval_s": 104.0,
    "heartbeat_timeout_s": 105.0,
}


def test_every_time_that_can_be_set_holds_for_the_default_provider() -> None:
    """Those of the link to the guest, too."""
    environ = {"HOME": "/home/none"} | {f"TERRAPHIM_{name.upper()}": str(time) for name, time in _TIMES.items()}
    config = qemu_config(load_settings({}, environ, HostCapacity(4, 16000)))

    assert {
        "boot_timeout_s": config.boot_timeout_s,
        "restore_timeout_s": config.restore_timeout_s,
        "release_timeout_s": config.release_timeout_s,
        "heartbeat_interval_s": config.link.heartbeat_interval_s,
        "heartbeat_timeout_s": config.link.heartbeat_timeout_s,
    } == _TIMES
