"""Put the provider `qemu` together from the settings."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from terraphim_runner.adapters.images.recipe_book import RecipeBook
from terraphim_runner.adapters.images.store import LocalImageStore
from terraphim_runner.adapters.qemu.config import AcceleratorSetting, QemuConfig
from terraphim_runner.adapters.qemu.provider import QemuProvider
from terraphim_runner.settings.load import config_file
from terraphim_runner.wiring.link import link_settings
from terraphim_runner.wiring.package_mirror import package_mirrors

if TYPE_CHECKING:
    from collections.abc import Callable

    from terraphim_runner.ports.clock import Clock
    from terraphim_runner.settings.model import Settings


def make_qemu_provider(settings: Settings, clock: Clock, inform: Callable[[str], None]) -> QemuProvider:
    """Make the provider."""
    return QemuProvider(qemu_config(settings), image_store(settings), clock, inform)


def qemu_config(settings: Settings) -> QemuConfig:
    """Give the provider's part of the settings."""
    return QemuConfig(
        data_dir=settings.data_dir,
        state_dir=settings.state_dir,
        accelerator=AcceleratorSetting(settings.accel.value),
        exceptions=package_mirrors,
        boot_timeout_s=settings.boot_timeout_s,
        restore_timeout_s=settings.restore_timeout_s,
        release_timeout_s=settings.release_timeout_s,
        link=link_settings(settings),
    )


def image_store(settings: Settings) -> LocalImageStore:
    """Find images where the settings keep them, by recipes shipped or written by the user."""
    return LocalImageStore(settings.data_dir / "images", recipe_book())


def recipe_book() -> RecipeBook:
    """Give the shipped recipes and those beside the user's settings."""
    return RecipeBook(config_file(os.environ).parent / "recipes")
