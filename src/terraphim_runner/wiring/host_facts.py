"""What this machine has, looked at without changing anything."""

from __future__ import annotations

import os
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from terraphim_runner.adapters.qemu.accelerator import choose_accelerator
from terraphim_runner.adapters.qemu.cgroup import Cgroups
from terraphim_runner.adapters.qemu.host import Host
from terraphim_runner.adapters.qemu.parts import Blueprint
from terraphim_runner.adapters.qemu.template_shelf import ingredients
from terraphim_runner.adapters.qemu.template_store import is_intact, template_key
from terraphim_runner.domain.errors import HostError, RunnerError
from terraphim_runner.egress.namespace import make_namespace
from terraphim_runner.settings.host import HostCapacity
from terraphim_runner.settings.load import DEFAULT_VM_TYPE, config_file
from terraphim_runner.wiring.qemu import image_store, qemu_config

if TYPE_CHECKING:
    from collections.abc import Mapping

    from terraphim_runner.domain.vm_type import VmType
    from terraphim_runner.ports.image import Image
    from terraphim_runner.settings.model import Settings

PROGRAMS = ("qemu-system-x86_64", "git", "mksquashfs", "setpriv", "prlimit", "nft", "mmdebstrap", "mke2fs", "tar")
_KVM = Path("/dev/kvm")


@dataclass(frozen=True, slots=True)
class Trouble:
    """Why something cannot be had, and what mends it."""

    message: str
    remedy: str | None


@dataclass(frozen=True, slots=True)
class AcceleratorFacts:
    """What runs guests' instructions."""

    name: str
    reason: str
    qemu_version: str
    exposure: str = ""  # why VMMs see this machine's files; empty: they do not


@dataclass(frozen=True, slots=True)
class ImageFacts:
    """The image of the default VM type."""

    name: str
    digest: str
    size_bytes: int
    runtimes: Mapping[str, str]  # for JavaScript actions: name and version


@dataclass(frozen=True, slots=True, kw_only=True)
class HostFacts:
    """All that `doctor` judges."""

    machine: str
    is_root: bool
    programs: Mapping[str, str | None]  # where each is; None: missing
    accelerator: AcceleratorFacts | Trouble
    has_kvm: bool
    is_kvm_permitted: bool
    is_kvm_for_group: bool  # a group may use it, so that users can be let in
    cgroups: str
    network: Trouble | None  # why no VM can have a network policy
    image: ImageFacts | Trouble
    has_template: bool
    directories: Mapping[str, Path | Trouble]
    free_mib: int  # where images, templates and running VMs' disks are; the least of them
    capacity: HostCapacity
    available_mib: int
    vm_type: VmType
    settings: Settings
    settings_file: Path
    has_settings_file: bool


async def look_at_host(settings: Settings) -> HostFacts:
    """Gather the facts; a measurement that is not known yet takes up to two seconds."""
    vm_type = settings.vm_type(DEFAULT_VM_TYPE)
    image = _find_image(settings, vm_type)
    file = config_file(os.environ)
    return HostFacts(
        machine=os.uname().machine,
        is_root=os.geteuid() == 0,
        programs={name: shutil.which(name, path=_path_with_sbin()) for name in PROGRAMS},
        accelerator=await _accelerator(settings),
        has_kvm=os.access(_KVM, os.F_OK),
        is_kvm_permitted=_is_kvm_permitted(),
        is_kvm_for_group=_is_kvm_for_group(),
        cgroups=_describe_cgroups(),
        network=await _network_trouble(),
        image=image if isinstance(image, Trouble) else _image_facts(settings, image),
        has_template=not isinstance(image, Trouble) and await _has_template(settings, image, vm_type),
        directories={name: _writable(name, getattr(settings, name)) for name in ("data_dir", "state_dir")},
        free_mib=min(_free_mib(path) for path in (settings.data_dir, settings.state_dir)),
        capacity=HostCapacity.measure(),
        available_mib=_available_mib(),
        vm_type=vm_type,
        settings=settings,
        settings_file=file,
        has_settings_file=file.is_file(),
    )


def _path_with_sbin() -> str:
    return os.pathsep.join([os.environ.get("PATH", os.defpath), "/usr/sbin", "/sbin"])


async def _accelerator(settings: Settings) -> AcceleratorFacts | Trouble:
    try:
        choice = await choose_accelerator(qemu_config(settings))
    except RunnerError as error:
        return Trouble(str(error), error.hint)
    return AcceleratorFacts(
        choice.accelerator.value, choice.reason, choice.program.version, choice.findings.exposure
    )


def _is_kvm_permitted() -> bool:
    if os.geteuid() == 0:  # VMs run as users of their own, in the device's group
        return _is_kvm_for_group() or (_KVM.exists() and _KVM.stat().st_mode & 0o006 == 0o006)
    return os.access(_KVM, os.R_OK | os.W_OK)


def _is_kvm_for_group() -> bool:
    if not _KVM.exists():
        return False
    status = _KVM.stat()
    return status.st_gid != 0 and status.st_mode & 0o060 == 0o060


def _describe_cgroups() -> str:
    cgroups = Cgroups.detect()
    cgroups.remove_parents()
    return cgroups.description


async def _network_trouble() -> Trouble | None:
    try:
        (await make_namespace()).close()
    except HostError as error:
        return Trouble(str(error), error.hint)
    return None


def _find_image(settings: Settings, vm_type: VmType) -> Image | Trouble:
    try:
        return image_store(settings).find(vm_type.image)
    except RunnerError as error:
        return Trouble(str(error), error.hint)


def _image_facts(settings: Settings, image: Image) -> ImageFacts:
    manifest = image_store(settings).inspect(image.digest).manifest
    return ImageFacts(image.name, image.digest, image.size_bytes, manifest.runtimes)


async def _has_template(settings: Settings, image: Image, vm_type: VmType) -> bool:
    config = qemu_config(settings)
    try:
        host = await Host.examine(config)
    except RunnerError:
        return False
    key = template_key(ingredients(Blueprint(host, image, vm_type)))
    return is_intact(config.data_dir / "templates" / key)


def _writable(name: str, path: Path) -> Path | Trouble:
    elsewhere = f"export TERRAPHIM_{name.upper()}=<a directory of yours>"
    existing = _nearest_existing(path)
    if not existing.is_dir() or (existing != path and not os.access(existing, os.W_OK | os.X_OK)):
        return Trouble(f"{path} cannot be made", elsewhere)
    if existing == path and (closed := _closed_to_us(path)) is not None:
        return Trouble(f"{closed} cannot be written", f"sudo chown --recursive $USER {path}")
    return path


def _closed_to_us(directory: Path) -> Path | None:
    if not os.access(directory, os.R_OK | os.W_OK | os.X_OK):
        return directory
    # What another user made there, or this one with sudo.
    return next((each for each in directory.iterdir() if not os.access(each, os.W_OK)), None)


def _free_mib(path: Path) -> int:
    return shutil.disk_usage(_nearest_existing(path)).free >> 20


def _nearest_existing(path: Path) -> Path:
    return next(each for each in (path, *path.parents) if os.path.exists(each))  # noqa: PTH110  # False where not allowed


def _available_mib() -> int:
    for line in Path("/proc/meminfo").read_text(encoding="ascii").splitlines():
        if line.startswith("MemAvailable:"):
            return int(line.split()[1]) // 1024
    return 0
