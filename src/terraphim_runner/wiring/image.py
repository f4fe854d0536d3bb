"""Put the builder of images together from the settings."""

from __future__ import annotations

from typing import TYPE_CHECKING

from terraphim_runner.adapters.images.builder import ImageBuilder
from terraphim_runner.adapters.qemu.template_shelf import remove_templates_of
from terraphim_runner.wiring.qemu import image_store

if TYPE_CHECKING:
    from terraphim_runner.adapters.images.store import StoredImage
    from terraphim_runner.settings.model import Settings


def remove_image(settings: Settings, name: str) -> tuple[StoredImage, int]:
    """Remove an image and the templates made of it; tell which it was, and how many they were.

    Raises:
        UsageError: it is in use.
    """
    removed = image_store(settings).remove(name)
    return removed, remove_templates_of(settings.data_dir / "templates", removed.image.digest)


def image_builder(settings: Settings) -> ImageBuilder:
    """Build images where the settings keep them."""
    return ImageBuilder(settings.data_dir / "images")
