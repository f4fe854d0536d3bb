"""Builds images: decides everything first, works in a place of its own, shows the result all at once."""

from __future__ import annotations

import platform
import shutil
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from terraphim_runner.adapters.images import shelf
from terraphim_runner.adapters.images.apt_setting import for_guest, read_host_settings
from terraphim_runner.adapters.images.blueprint import read_blueprint
from terraphim_runner.adapters.images.bootstrap import make_tree
from terraphim_runner.adapters.images.initramfs import compose_initramfs
from terraphim_runner.adapters.images.kernel import extract_vmlinux
from terraphim_runner.adapters.images.manifest import INITRAMFS, KERNEL, LOG, MANIFEST, Manifest, parse_dpkg_status
from terraphim_runner.adapters.images.node_runtime import has_pip
from terraphim_runner.adapters.images.progress import BuildPhase, progress_within
from terraphim_runner.adapters.images.root_disk import finish_tree, write_root_disk
from terraphim_runner.adapters.images.store import read_image
from terraphim_runner.adapters.images.tool import ToolFailed, access_reported, full_disk_reported, require
from terraphim_runner.adapters.images.workplace import Workplace, read_ownership, remove_workplace
from terraphim_runner.domain.errors import HostDiskFull, HostError, InfraError

if TYPE_CHECKING:
    from terraphim_runner.adapters.images.blueprint import Blueprint
    from terraphim_runner.adapters.images.progress import OnProgress
    from terraphim_runner.adapters.images.recipe import Recipe
    from terraphim_runner.ports.image import Image

_DEBIAN_KEYRING = Path("/usr/share/keyrings/debian-archive-keyring.gpg")
_NEEDED_MIB = 1536  # the tree, the disk and the kernel of a small image, side by side for a moment


@dataclass(frozen=True, slots=True)
class ImageBuilder:
    """Makes images appear in `images_dir`; any number of builders may work at once."""

    images_dir: Path
    machine: str = field(default_factory=platform.machine)

    def build(self, recipe: Recipe, on_progress: OnProgress) -> Image:
        """Build the recipe's image, or find that it is there already.

        Blocks for a minute or two; call it from a thread that lives as long. Interrupted or failed, it leaves
        nothing but a log. A second builder of the same image waits for the first and takes its result.

        Raises:
            HostError: a tool is missing, or this user may not build, or not there.
            HostDiskFull: before the build or during it.
            InfraError: the packages cannot be had, or a command of the recipe failed.
            UsageError: the recipe's size_mib is too small for its content.
        """
        blueprint = read_blueprint(recipe)
        with access_reported(self.images_dir):
            self.images_dir.mkdir(parents=True, exist_ok=True)
        image_dir = self.images_dir / blueprint.digest
        if (stored := read_image(image_dir)) is not None:
            return stored.image
        self._check_host(blueprint)
        waiting = progress_within(BuildPhase.WAIT, 0.0)
        with shelf.exclusive(self.images_dir, blueprint.digest, on_wait=lambda: on_progress(waiting)) as lock:
            if read_image(image_dir) is None:
                self._build_alone(blueprint, lock, on_progress)
        if (stored := read_image(image_dir)) is None:
            raise InfraError(f"the image in {image_dir} cannot be read back")
        return stored.image

    def _check_host(self, blueprint: Blueprint) -> None:
        if self.machine != "x86_64":
            raise HostError(f"images are for x86_64 machines; this is {self.machine}")
        require("mmdebstrap", "mke2fs", "setpriv", "tar", *(() if has_pip() else ("pip3",)))
        if not blueprint.sources and not _DEBIAN_KEYRING.exists():
            raise HostError(
                "this machine has no keys to check Debian's packages with",
                hint="sudo apt-get install debian-archive-keyring",
            )
        free_mib = shutil.disk_usage(self.images_dir).free >> 20
        if free_mib < _NEEDED_MIB:
            raise HostDiskFull(
                f"an image needs {_NEEDED_MIB} MiB in {self.images_dir}; {free_mib} MiB are free",
                hint="Free some space, or set another data_dir.",
            )

    def _build_alone(self, blueprint: Blueprint, lock: int, on_progress: OnProgress) -> None:
        ownership = read_ownership()
        image_dir = self.images_dir / blueprint.digest
        building = shelf.building_dir(self.images_dir, blueprint.digest)
        # this digest's own remains go first: their lock is ours, so the sweep passes them by
        for left in (building, image_dir):
            remove_workplace(left, ownership)
        shelf.sweep(self.images_dir, lambda left: remove_workplace(left, ownership))
        place = Workplace(building, ownership, lock)
        kept_log = self.images_dir / f"failed-{blueprint.recipe.name}.log"
        kept_log.unlink(missing_ok=True)
        with full_disk_reported(self.images_dir):
            try:
                place.make()
                _Build(blueprint, place, on_progress).run()
                shelf.publish(place.result, image_dir)
            except ToolFailed as exc:
                shutil.copy(place.log, kept_log)
                raise exc.with_log(kept_log) from exc
            finally:
                remove_workplace(building, ownership)


@dataclass(frozen=True, slots=True)
class _Build:
    blueprint: Blueprint
    place: Workplace
    on_progress: OnProgress

    def run(self) -> None:
        started = time.monotonic()
        settings = read_host_settings()
        make_tree(self.blueprint, settings, self.place, self.on_progress)
        self._report(BuildPhase.KERNEL)
        kernel_version = self._write_kernel()
        self._report(BuildPhase.DISK)
        finish_tree(self.blueprint, for_guest(settings), self.place)
        write_root_disk(self.blueprint.recipe, self.place)
        self._report(BuildPhase.PUBLISH)
        self._write_manifest(kernel_version, time.monotonic() - started)

    def _report(self, phase: BuildPhase) -> None:
        self.on_progress(progress_within(phase, 0.0))

    def _write_kernel(self) -> str:
        tree, result = self.place.tree, self.place.result
        vmlinuz = max((tree / "boot").glob("vmlinuz-*"), default=None)
        if vmlinuz is None:
            raise InfraError(
                "no kernel was installed", hint="Use a suite with the package linux-image-cloud-amd64."
            )
        version = vmlinuz.name.removeprefix("vmlinuz-")
        toolbox = self.place.toolbox
        vmlinux = extract_vmlinux(
            vmlinuz.read_bytes(), lambda argv, data: toolbox.filter_inside(["chroot", str(tree), *argv], data)
        )
        (result / KERNEL).write_bytes(vmlinux)
        initramfs = compose_initramfs(tree / "usr/lib/modules" / version)
        (result / INITRAMFS).write_bytes(initramfs)
        return version

    def _write_manifest(self, kernel_version: str, build_seconds: float) -> None:
        recipe = self.blueprint.recipe
        status = (self.place.tree / "var/lib/dpkg/status").read_text(encoding="utf-8", errors="replace")
        manifest = Manifest(
            name=recipe.name,
            digest=self.blueprint.digest,
            suite=recipe.suite,
            kernel_version=kernel_version,
            built_at=datetime.now(UTC),
            build_seconds=round(build_seconds, 1),
            packages=parse_dpkg_status(status),
            runtimes={runtime.name: runtime.version for runtime in self.blueprint.runtimes},
        )
        shutil.copy(self.place.log, self.place.result / LOG)
        (self.place.result / MANIFEST).write_text(manifest.to_json(), encoding="utf-8")
