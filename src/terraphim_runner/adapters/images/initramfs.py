"""The initramfs: the modules a microvm needs, in the order they load, and the program that starts the agent."""

from __future__ import annotations

import lzma
from pathlib import Path
from typing import TYPE_CHECKING

from terraphim_runner.adapters.images import cpio
from terraphim_runner.domain.errors import InfraError

if TYPE_CHECKING:
    from collections.abc import Mapping

# virtio_mmio finds the devices, so its place among the drivers does not matter; overlay, squashfs and loop are
# for the agent, which then need not wait for modprobe.
WANTED_MODULES = ("virtio_mmio", "virtio_blk", "virtio_net", "virtio_console", "overlay", "squashfs", "loop")
INIT_SCRIPT = Path(__file__).with_name("init.sh")
_DIRECTORIES = ("bin", "dev", "modules", "proc", "root", "sys")


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


def compose_initramfs(modules_dir: Path, busybox: bytes) -> bytes:
    """Build the archive from a kernel's module directory."""
    dependencies = parse_modules_dep((modules_dir / "modules.dep").read_text(encoding="ascii"))
    builtin = frozenset(map(_module_name, (modules_dir / "modules.builtin").read_text(encoding="ascii").split()))
    entries = [cpio.directory(path) for path in _DIRECTORIES]
    # the kernel opens /dev/console for init before anything is mounted
    entries.append(cpio.character_device("dev/console", 5, 1))
    entries.append(cpio.executable("bin/busybox", busybox))
    entries.append(cpio.executable("init", INIT_SCRIPT.read_bytes()))
    for number, path in enumerate(load_order(dependencies, builtin)):
        entries.append(
            cpio.regular(f"modules/{number:02}-{_module_name(path)}.ko", _read_module(modules_dir / path))
        )
    return cpio.archive(entries)


def _module_name(path: str) -> str:
    return path.rpartition("/")[2].partition(".")[0].replace("-", "_")


def _read_module(path: Path) -> bytes:
    data = path.read_bytes()
    return lzma.decompress(data) if path.suffix == ".xz" else data
