"""Put the builder of images together from the settings."""

from __future__ import annotations

from typing import TYPE_CHECKING

from terraphim_runner.adapters.images.builder import ImageBuilder

if TYPE_CHECKING:
    from terraphim_runner.settings.model import Settings


def image_builder(settings: Settings) -> ImageBuilder:
    """Build images where the settings keep them."""
    return ImageBuilder(settings.data_dir / "images")
