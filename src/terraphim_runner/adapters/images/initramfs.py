"""The initramfs: the modules a microvm needs, in the order they load, and the program that starts the agent."""

from __future__ import annotations

import lzma
from typing import TYPE_CHECKING

from terraphim_runner.adapters.images import cpio
from terraphim_runner.adapters.images.guest_init import compose_init
from terraphim_runner.domain.errors import InfraError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

# Only what stands between the kernel and the agent: the rest is on the root disk, and the kernel fetches a file
# system's module by itself when it is first mounted. virtio_mmio finds the devices, whichever driver comes first.
WANTED_MODULES = ("virtio_mmio", "virtio_blk", "virtio_net", "virtio_console")
_DIRECTORIES = ("dev", "modules", "root", "sys")


def load_order(dependencies: Mapping[str, tuple[str, ...]], builtin: frozenset[str]) -> tuple[str, ...]:
    """Give the paths of the wanted modules and of all they need, each after what it needs.

    Raises:
        InfraError: the kernel has no such module.
    """
    paths = {_module_name(path): path for path in dependencies}
    order: list[str] = []
    for name in WANTED_MODULES:
        if name in builtin:
            continue
        if name not in paths:
            raise InfraError(f"the kernel has no module {name!r}", hint="Use a suite with Debian's cloud kernel.")
        # modules.dep lists what a module needs with the deepest need last
        order += [path for path in (*reversed(dependencies[paths[name]]), paths[name]) if path not in order]
    return tuple(order)


def parse_modules_dep(text: str) -> dict[str, tuple[str, ...]]:
    """Read depmod's list: a module's path and the paths of all it needs."""
    lines = (line.partition(":") for line in text.splitlines())
    return {path: tuple(needs.split()) for path, _, needs in lines}


def compose_initramfs(modules_dir: Path) -> bytes:
    """Build the archive from a kernel's module directory."""
    dependencies = parse_modules_dep((modules_dir / "modules.dep").read_text(encoding="ascii"))
    builtin = frozenset(map(_module_name, (modules_dir / "modules.builtin").read_text(encoding="ascii").split()))
    entries = [cpio.directory(path) for path in _DIRECTORIES]
    # the kernel opens /dev/console for init before anything is mounted
    entries.append(cpio.character_device("dev/console", 5, 1))
    modules = {
        f"modules/{_module_name(path)}.ko": modules_dir / path for path in load_order(dependencies, builtin)
    }
    entries.append(cpio.executable("init", compose_init(f"/{name}" for name in modules)))
    entries += [cpio.regular(name, _read_module(path)) for name, path in modules.items()]
    return cpio.archive(entries)


def _module_name(path: str) -> str:
    return path.rpartition("/")[2].partition(".")[0].replace("-", "_")


def _read_module(path: Path) -> bytes:
    data = path.read_bytes()
    return lzma.decompress(data) if path.suffix == ".xz" else data
