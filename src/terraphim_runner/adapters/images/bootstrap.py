"""Make the guest's tree with mmdebstrap, and tell how far it has come."""

from __future__ import annotations

import re
from collections import Counter
from typing import TYPE_CHECKING

from terraphim_runner.adapters.images.apt_source import render
from terraphim_runner.adapters.images.blueprint import APT_OPTIONS, DPKG_OPTIONS
from terraphim_runner.adapters.images.node_runtime import fetch_runtimes
from terraphim_runner.adapters.images.progress import BuildPhase, BuildProgress, progress_within
from terraphim_runner.adapters.images.tree_file import write_tar

if TYPE_CHECKING:
    from pathlib import Path

    from terraphim_runner.adapters.images.apt_setting import AptSetting
    from terraphim_runner.adapters.images.blueprint import Blueprint
    from terraphim_runner.adapters.images.progress import OnProgress
    from terraphim_runner.adapters.images.workplace import Workplace

_HANDLED = re.compile(r"(Unpacking|Setting up) (?P<package>[^\s:]+)")
_NEWLY_INSTALLED = re.compile(r"\d+ upgraded, (\d+) newly installed")
# mmdebstrap installs the essential packages first, the others after: where either round lies on the bar
_ROUNDS = {
    BuildPhase.DOWNLOAD: ((0.08, 0.11), (0.32, 0.38)),
    BuildPhase.INSTALL: ((0.11, 0.32), (0.38, 0.78)),
}


def make_tree(
    blueprint: Blueprint, settings: tuple[AptSetting, ...], place: Workplace, on_progress: OnProgress
) -> None:
    """Install the packages and add everything the blueprint asks for.

    Raises:
        ToolFailed: pip or mmdebstrap could not.
    """
    before, after = (_write_script(place.inputs / f"{n}.sh", text) for n, text in enumerate(blueprint.scripts))
    added = place.inputs / "added.tar"
    added.write_bytes(write_tar(blueprint.files))
    on_progress(progress_within(BuildPhase.PREPARE, 0.1, "Node.js"))
    externals = fetch_runtimes(blueprint.runtimes, place.toolbox, place.inputs)
    argv = [
        *("mmdebstrap", "--verbose", "--variant=minbase", "--format=directory", "--skip=cleanup/apt/lists"),
        f"--mode={'unshare' if place.ownership.enter else 'root'}",
        f"--include={','.join(blueprint.packages)}",
        *(f"--dpkgopt={option}" for option in DPKG_OPTIONS),
        *(f"--aptopt={setting.render()}" for setting in settings),
        *(f"--aptopt={option}" for option in APT_OPTIONS),
        f'--customize-hook=chroot "$1" sh -eu < {before}',
        f"--customize-hook=tar-in {added} /",
        f"--customize-hook=tar-in {externals} /",
        f'--customize-hook=echo "I: customizing"; chroot "$1" sh -eu < {after}',
        *(blueprint.recipe.suite, str(place.tree), *_mirrors(blueprint, place.inputs)),
    ]
    # INITRD=No: the microvm has an initramfs of its own
    place.toolbox.run(argv, on_line=BootstrapReader(on_progress).read, environment={"INITRD": "No"})


def _write_script(path: Path, text: str) -> Path:
    path.write_text(text, encoding="utf-8")
    return path


def _mirrors(blueprint: Blueprint, inputs: Path) -> list[str]:
    if not blueprint.sources:
        return []  # mmdebstrap knows its distribution's own
    path = inputs / "host.sources"
    path.write_text(render(blueprint.sources), encoding="utf-8")
    return [str(path)]


class BootstrapReader:
    """Turns what mmdebstrap and apt print into progress; what it does not know moves nothing."""

    def __init__(self, on_progress: OnProgress) -> None:
        """Start before the first line."""
        self._on_progress = on_progress
        self._packages: list[int] = []  # of each round so far
        self._handled: Counter[tuple[BuildPhase, int]] = Counter()

    def read(self, line: str) -> None:
        """Take one line."""
        words = line.split()
        if line.startswith("I: running apt-get update"):
            self._on_progress(progress_within(BuildPhase.PREPARE, 0.3))
        elif line.startswith("I: extracting archives"):
            self._on_progress(BuildProgress(BuildPhase.INSTALL, _ROUNDS[BuildPhase.INSTALL][0][0]))
        elif line.startswith("I: customizing"):
            self._on_progress(progress_within(BuildPhase.CUSTOMIZE, 0.2))
        elif match := _NEWLY_INSTALLED.match(line):
            self._packages.append(int(match[1]))
        elif line.startswith("Get:") and len(words) > 4:
            self._step(BuildPhase.DOWNLOAD, words[4], 1)
        elif match := _HANDLED.match(line):
            self._step(BuildPhase.INSTALL, match["package"], 2)

    def _step(self, phase: BuildPhase, package: str, steps_per_package: int) -> None:
        if not self._packages:
            return  # package lists, not packages
        rounds = len(self._packages)
        self._handled[phase, rounds] += 1
        part = self._handled[phase, rounds] / max(self._packages[-1] * steps_per_package, 1)
        start, end = _ROUNDS[phase][min(rounds, 2) - 1]
        fraction = start + (end - start) * min(part, 1.0)
        self._on_progress(BuildProgress(phase, fraction, package))
