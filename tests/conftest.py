"""What every test gets."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import dataclass
from typing import IO, TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable
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


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """A git repository without commits, with an empty directory for workflows."""
    path = tmp_path / "repository"
    (path / ".github/workflows").mkdir(parents=True)
    subprocess.run(["git", "init", "--quiet", "--initial-branch=main", path], check=True)
    return path


@pytest.fixture
def start(repository: Path, tmp_path: Path) -> Callable[..., subprocess.Popen[str]]:
    """Start the program in the repository, with homes of its own; `env` is put on top of the environment."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("TERRAPHIM_", "GIT_"))}
    homes = {f"XDG_{kind.upper()}_HOME": str(tmp_path / kind) for kind in ("state", "data", "config", "cache")}
    program = "from terraphim_runner.cli.app import main; main()"

    def start(
        *arguments: str,
        env: dict[str, str] | None = None,
        cwd: Path = repository,
        stdin: int | None = None,
        stdout: IO[str] | int = subprocess.PIPE,
        stderr: int = subprocess.PIPE,
        is_mute: bool = False,
    ) -> subprocess.Popen[str]:
        mute = ["/bin/sh", "-c", 'exec "$@" <&- >&- 2>&-', "sh"] if is_mute else []
        return subprocess.Popen(
            [*mute, sys.executable, "-c", program, *arguments],
            cwd=cwd,
            env=kept | homes | {"HOME": str(tmp_path), "TERRAPHIM_PROVIDER": "process"} | (env or {}),
            stdin=stdin,
            stdout=stdout,
            stderr=stderr,
            start_new_session=True,  # signals are for it alone
            text=True,
        )

    return start
