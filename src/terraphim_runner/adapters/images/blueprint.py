"""Everything that determines an image, gathered before anything is done, and its digest."""

from __future__ import annotations

import hashlib
import json
import shlex
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from terraphim_runner.adapters.images.apt_source import AptSource, read_host_sources, render
from terraphim_runner.adapters.images.guest_content import AGENT_DIR, BASE_PACKAGES, LAST_FILES, read_guest_files
from terraphim_runner.adapters.images.guest_init import compose_init
from terraphim_runner.adapters.images.initramfs import WANTED_MODULES
from terraphim_runner.adapters.images.node_runtime import NODE_RUNTIMES
from terraphim_runner.adapters.images.recipe import RUNNER_ID
from terraphim_runner.adapters.images.tree_file import TreeFile

if TYPE_CHECKING:
    from terraphim_runner.adapters.images.node_runtime import NodeRuntime
    from terraphim_runner.adapters.images.recipe import Recipe

# Raise it when the builder makes something else of the same inputs.
BUILD_FORMAT = 1

DISK_OPTIONS = (
    # neither a journal nor checksums: the disk ends with its run, and both cost time under emulation
    *("-t", "ext4", "-b", "4096", "-m", "0", "-L", "root", "-O", "^has_journal,^metadata_csum"),
    # all tables written now, sparsely: a guest must not spend its first minute on them
    *("-E", "lazy_itable_init=0,root_owner=0:0"),
)
# lists stay compressed, and descriptions in other languages cost more time than their packages
APT_OPTIONS = ('Acquire::GzipIndexes "true";', 'Acquire::Languages "none";')
_EXCLUDED = ("/usr/share/man/*", "/usr/share/locale/*", "/usr/share/doc/*", "/usr/share/info/*")
DPKG_OPTIONS = (
    # a disk that does not outlive its run need not be waited for, nor a build that is synced as a whole
    "force-unsafe-io",
    *(f"path-exclude={path}" for path in _EXCLUDED),
    "path-include=/usr/share/doc/*/copyright",
)

_ADD_RUNNER = f"""\
groupadd --gid {RUNNER_ID} runner
useradd --uid {RUNNER_ID} --gid {RUNNER_ID} --create-home --shell /bin/bash runner
install -d -o runner -g runner /home/runner/work
"""


@dataclass(frozen=True, slots=True)
class Blueprint:
    """What an image is to be, as the recipe, this host and this version of the agent have it now."""

    recipe: Recipe
    files: tuple[TreeFile, ...]
    sources: tuple[AptSource, ...]
    runtimes: tuple[NodeRuntime, ...] = NODE_RUNTIMES

    @property
    def digest(self) -> str:
        """The image's name on disk: hex SHA-256 over everything here."""
        inputs = [
            BUILD_FORMAT,
            self.recipe.canonical().decode(),
            [file.fingerprint() for file in sorted(self.files)],
            self.scripts,
            self.packages,
            render(self.sources),
            [APT_OPTIONS, DPKG_OPTIONS, DISK_OPTIONS, WANTED_MODULES, _compose_own_init().hex()],
            [file.fingerprint() for file in LAST_FILES],
            [runtime.fingerprint() for runtime in self.runtimes],
        ]
        return hashlib.sha256(json.dumps(inputs).encode()).hexdigest()

    @property
    def packages(self) -> tuple[str, ...]:
        return tuple(sorted({*self.recipe.packages, *BASE_PACKAGES}))

    @property
    def scripts(self) -> tuple[str, str]:
        """Shell, run in the new system: before the files are added, and after."""
        return _ADD_RUNNER, "\n".join(_finishing_lines(self.recipe.commands))


def read_blueprint(recipe: Recipe) -> Blueprint:
    """Complete a recipe by what this host and this package bring to it."""
    guest_files = read_guest_files(host_ca_certificates=recipe.host_ca_certificates)
    own = tuple(
        TreeFile(file.path, file.content.encode(), file.permissions, file.owner_ids) for file in recipe.files
    )
    sources = read_host_sources(Path("/etc/apt"), Path("/etc/os-release"), recipe.suite)
    return Blueprint(recipe, (*guest_files, *own), sources)


@cache
def _compose_own_init() -> bytes:
    return compose_init(WANTED_MODULES)


def _finishing_lines(commands: tuple[str, ...]) -> list[str]:
    return [
        "export HOME=/root; set -a; . /etc/environment; set +a",
        "update-ca-certificates",
        # checked against no clock and no size: the sources never change, and a stat costs time at boot
        f"python3 -m compileall -q --invalidation-mode unchecked-hash {AGENT_DIR}",
        *(f"echo + {shlex.quote(line)}; bash -euo pipefail -c {shlex.quote(line)}" for line in commands),
    ]
