"""The root disk: the tree's last touches, and the file system made of it."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from terraphim_runner.adapters.images.apt_source import render
from terraphim_runner.adapters.images.blueprint import APT_OPTIONS, DISK_OPTIONS
from terraphim_runner.adapters.images.guest_content import LAST_FILES
from terraphim_runner.adapters.images.manifest import ROOT_DISK
from terraphim_runner.adapters.images.tool import ToolFailed
from terraphim_runner.adapters.images.tree_file import TreeFile, write_tar
from terraphim_runner.domain.errors import UsageError

if TYPE_CHECKING:
    from terraphim_runner.adapters.images.apt_setting import AptSetting
    from terraphim_runner.adapters.images.blueprint import Blueprint
    from terraphim_runner.adapters.images.recipe import Recipe
    from terraphim_runner.adapters.images.workplace import Workplace

_CLEAN = 'cd "$1"; rm -rf boot/* vmlinuz* initrd.img* etc/apt/apt.conf.d/99mmdebstrap var/log/apt var/log/*.log'
_NO_HOST_SOURCES = "rm -f etc/apt/sources.list etc/apt/sources.list.d/*"


def finish_tree(blueprint: Blueprint, settings: tuple[AptSetting, ...], place: Workplace) -> None:
    """Turn what served the building host into what serves a guest."""
    last = place.inputs / "last.tar"
    last.write_bytes(write_tar(_last_files(blueprint, settings)))
    script = f"{_CLEAN}; {_NO_HOST_SOURCES if blueprint.sources else ':'}; tar -x --unlink-first"
    place.toolbox.filter_inside(["sh", "-euc", script, "sh", str(place.tree)], last.read_bytes())


def write_root_disk(recipe: Recipe, place: Workplace) -> None:
    """Write the tree into an ext4 file system, in a sparse file.

    Raises:
        UsageError: the recipe's size is too small for what is in the tree.
    """
    # Namespace users cannot walk our directories, so the file is handed over open.
    handle = os.open(place.result / ROOT_DISK, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC)
    try:
        os.fchmod(handle, 0o666)
        os.ftruncate(handle, recipe.size_mib << 20)
        disk = f"/proc/self/fd/{handle}"
        place.toolbox.run_inside(["mke2fs", "-q", *DISK_OPTIONS, "-d", str(place.tree), disk], pass_fds=[handle])
    except ToolFailed as exc:
        if any("Could not allocate" in line for line in exc.tail):
            raise UsageError(
                f"the image {recipe.name!r} does not fit into {recipe.size_mib} MiB",
                hint="Raise size_mib in the recipe.",
            ) from exc
        raise
    finally:
        os.close(handle)


def _last_files(blueprint: Blueprint, settings: tuple[AptSetting, ...]) -> list[TreeFile]:
    files = [*LAST_FILES]
    options = [*APT_OPTIONS, *(setting.render() for setting in settings)]
    files.append(TreeFile("/etc/apt/apt.conf.d/90terraphim-runner", "".join(f"{o}\n" for o in options).encode()))
    if blueprint.sources:
        sources = render(tuple(source.seen_from_guest() for source in blueprint.sources))
        files.append(TreeFile("/etc/apt/sources.list.d/debian.sources", sources.encode()))
    return files
