"""What every test gets."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pathlib import Path

    from terraphim_runner.adapters.qemu.config import QemuConfig
    from terraphim_runner.ports.image import Image, ImageStore


@dataclass(frozen=True)
class PinnedImage:
    """An `ImageStore` with one image under every name: sources that change during a run do not matter."""

    image: Image

    def find(self, name: str) -> Image:
        """See the port."""
        return self.image


@pytest.fixture
def anyio_backend() -> str:
    """Run async tests on asyncio, the one backend we support."""
    return "asyncio"


@pytest.fixture(scope="session")
def images() -> ImageStore:
    """The image `debian-12` as it is when the tests begin; tests that need it are skipped where it is not built.

    TEST_IMAGE names another, by a prefix of its digest.
    """
    from terraphim_runner.domain.errors import ImageMissing
    from terraphim_runner.settings.host import HostCapacity
    from terraphim_runner.settings.load import load_settings
    from terraphim_runner.wiring.qemu import image_store

    store = image_store(load_settings({}, os.environ, HostCapacity.measure()))
    try:
        return PinnedImage(store.find(os.environ.get("TEST_IMAGE", "debian-12")))
    except ImageMissing as exc:
        pytest.skip(f"{exc}; {exc.hint}")


@pytest.fixture(scope="session")
def template_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One place for the templates of all tests, so that each VM type is booted once."""
    return tmp_path_factory.mktemp("qemu")


@pytest.fixture
def qemu_config(template_dir: Path, tmp_path: Path) -> QemuConfig:
    """A provider's settings, with slots of the test's own."""
    from terraphim_runner.adapters.qemu.config import QemuConfig

    return QemuConfig(data_dir=template_dir, state_dir=tmp_path / "state")
