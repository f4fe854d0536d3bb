"""Templates are made once, noticed when broken, and never half there."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import replace
from typing import TYPE_CHECKING

import anyio
import pytest

from terraphim_runner.adapters.qemu import guest_setup, template_builder
from terraphim_runner.adapters.qemu.config import QemuConfig
from terraphim_runner.adapters.qemu.monitor import Monitor
from terraphim_runner.adapters.qemu.provider import QemuProvider
from terraphim_runner.adapters.qemu.template_builder import TemplateBuilder
from terraphim_runner.adapters.system_clock import SystemClock
from terraphim_runner.domain.errors import HostDiskFull, RestoreFailed
from terraphim_runner.ports.vm import AllocationRequest, Command

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator
    from pathlib import Path

    from terraphim_runner.domain.vm_type import VmType
    from terraphim_runner.link.guest_link import GuestLink
    from terraphim_runner.ports.image import ImageStore

    Shell = Callable[..., Awaitable[str]]

pytestmark = [pytest.mark.vm, pytest.mark.anyio]


@pytest.fixture
def config(tmp_path: Path) -> QemuConfig:
    """Templates of this test's own."""
    return QemuConfig(tmp_path / "data", tmp_path / "state", restore_timeout_s=10)


async def make_template(config: QemuConfig, images: ImageStore, vm_type: VmType) -> None:
    async with QemuProvider(config, images, SystemClock()) as provider:
        await provider.allocate(AllocationRequest(vm_type))


def template_of(config: QemuConfig) -> Path:
    (found,) = [path for path in (config.data_dir / "templates").iterdir() if path.is_dir()]
    return found


def truncate(path: Path) -> None:
    os.truncate(path, path.stat().st_size // 2)


def overwrite(path: Path) -> None:
    with path.open("r+b") as file:
        file.seek(path.stat().st_size // 2)
        file.write(b"\xff" * 4096)


def overwrite_unseen(path: Path) -> None:
    """Change a file in a way that its time does not tell: a disk fault, a restored backup."""
    status = path.stat()
    with path.open("r+b") as file:
        file.seek(64)
        file.write(os.urandom(status.st_size // 2))
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))


def damage_manifest(path: Path) -> None:
    path.write_text("{")


@pytest.mark.parametrize(
    ("name", "damage"),
    [
        ("memory", truncate),
        ("memory", overwrite),
        ("device-state", overwrite),
        ("device-state", overwrite_unseen),
        ("disk.qcow2", truncate),
        ("manifest.json", damage_manifest),
    ],
)
async def test_a_damaged_template_is_made_anew(
    config: QemuConfig, images: ImageStore, small: VmType, shell: Shell, name: str, damage: Callable[[Path], None]
) -> None:
    """It is neither used nor waited for."""
    async with QemuProvider(config, images, SystemClock()) as provider:
        await provider.allocate(AllocationRequest(small))
    before = (template_of(config) / "manifest.json").read_text()
    damage(template_of(config) / name)
    async with QemuProvider(config, images, SystemClock()) as provider:
        vm = (await provider.allocate(AllocationRequest(small))).vm
        assert await shell(vm, "echo fine") == "fine\n"

    assert (template_of(config) / "manifest.json").read_text() != before


async def test_a_machine_that_hangs_while_it_is_prepared_is_tried_once_more(
    config: QemuConfig, images: ImageStore, small: VmType, shell: Shell, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It was greeted, so no time-out of a boot notices."""
    messages: list[str] = []

    async def hang(link: GuestLink) -> None:
        monkeypatch.undo()
        await guest_setup.run_script(link, "root", "sleep 600")

    monkeypatch.setattr(template_builder, "_PREPARATION_S", 2.0)
    monkeypatch.setattr(guest_setup, "grow_root", hang)
    async with QemuProvider(config, images, SystemClock(), inform=messages.append) as provider:
        vm = (await provider.allocate(AllocationRequest(small))).vm
        assert await shell(vm, "echo fine") == "fine\n"

    assert "trying once more: the machine hung while it was prepared" in messages


async def test_a_machine_that_hangs_while_it_is_frozen_is_tried_once_more(
    config: QemuConfig, images: ImageStore, small: VmType, shell: Shell, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No guest can tell of that, nor a VMM."""
    messages: list[str] = []

    async def prepare_nothing(*_: object) -> dict[str, str]:
        return {}

    async def hang(*_: object) -> None:
        monkeypatch.undo()
        await anyio.sleep_forever()

    monkeypatch.setattr(template_builder, "_PREPARATION_S", 10.0)
    monkeypatch.setattr(TemplateBuilder, "_prepare", prepare_nothing)
    monkeypatch.setattr(Monitor, "save", hang)
    async with QemuProvider(config, images, SystemClock(), inform=messages.append) as provider:
        with anyio.fail_after(120):
            vm = (await provider.allocate(AllocationRequest(small))).vm
        assert await shell(vm, "echo fine") == "fine\n"

    assert "trying once more: the machine hung while it was prepared" in messages


async def test_a_template_that_does_not_restore_is_given_up_after_a_second_try(
    config: QemuConfig, images: ImageStore, small: VmType, shell: Shell
) -> None:
    """The error says what the VMM said; the next allocation makes another template; no cold boot in between."""
    async with QemuProvider(config, images, SystemClock()) as provider:
        await provider.allocate(AllocationRequest(small))
    directory = template_of(config)
    (directory / "device-state").write_bytes(b"nonsense" * 100)
    forge_manifest(directory)
    async with QemuProvider(config, images, SystemClock()) as provider:
        with pytest.raises(RestoreFailed, match="exit status 1"):
            await provider.allocate(AllocationRequest(small))
        assert await provider.held_vms() == []
        vm = (await provider.allocate(AllocationRequest(small))).vm
        assert await shell(vm, "echo fine") == "fine\n"
    tried = sorted(int((slot / "generation").read_text()) for slot in (config.state_dir / "slots/qemu").iterdir())
    assert tried == [1, 3]  # the second try was in another slot


async def test_the_making_of_a_template_is_told_once(
    config: QemuConfig, images: ImageStore, small: VmType
) -> None:
    """It takes seconds in which nothing else is to be seen."""
    told: list[str] = []
    async with QemuProvider(config, images, SystemClock(), told.append) as provider:
        for _ in range(2):
            await provider.allocate(AllocationRequest(small))

    assert told == ["preparing debian-12 for VMs of the type small: this is done once and takes some seconds"]


async def test_two_allocations_at_once_make_one_template(
    config: QemuConfig, images: ImageStore, small: VmType
) -> None:
    """The second waits for the first's."""
    async with QemuProvider(config, images, SystemClock()) as provider:
        async with anyio.create_task_group() as tasks:
            for _ in range(2):
                tasks.start_soon(provider.allocate, AllocationRequest(small))
        assert len(await provider.held_vms()) == 2

    assert int((config.state_dir / "slots/qemu-template/1/generation").read_text()) == 1
    assert not (config.state_dir / "slots/qemu-template/2").exists()


RUNNER = """
import os, sys, anyio
from pathlib import Path
from terraphim_runner.adapters.qemu.config import QemuConfig
from terraphim_runner.adapters.qemu.monitor import Monitor
from terraphim_runner.adapters.qemu.provider import QemuProvider
from terraphim_runner.adapters.qemu.template_builder import TemplateBuilder
from terraphim_runner.adapters.system_clock import SystemClock
from terraphim_runner.domain.vm_type import VmType
from terraphim_runner.ports.vm import AllocationRequest
from terraphim_runner.settings.host import HostCapacity
from terraphim_runner.settings.load import load_settings
from terraphim_runner.wiring.qemu import image_store

async def main():
    images = image_store(load_settings({}, os.environ, HostCapacity.measure()))
    async with QemuProvider(QemuConfig(Path(sys.argv[1]), Path(sys.argv[2])), images, SystemClock()) as provider:
        print((await provider.allocate(AllocationRequest(VmType("small", sys.argv[3], 1, 512, 1024)))).vm.id)

anyio.run(main)
"""


def test_two_runners_at_once_make_one_template(config: QemuConfig, images: ImageStore) -> None:
    """Other processes count too."""
    digest = images.find("").digest
    command = [sys.executable, "-c", RUNNER, str(config.data_dir), str(config.state_dir), digest]
    runners = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(2)]
    said = [runner.communicate(timeout=120)[0] for runner in runners]

    assert [runner.returncode for runner in runners] == [0, 0]
    assert all(line.startswith("vm-") for line in said)
    assert int((config.state_dir / "slots/qemu-template/1/generation").read_text()) == 1


def forge_manifest(directory: Path) -> None:
    from terraphim_runner.adapters.qemu import template_store

    manifest = json.loads((directory / "manifest.json").read_text())
    directory.rename(directory.with_suffix(".forged"))
    forged = directory.with_suffix(".forged")
    guest = template_store.FrozenGuest.from_data(manifest["guest"])
    template_store.finish(forged, directory, manifest["ingredients"], guest)


@pytest.fixture
def tiny_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system with next to no room."""
    if os.geteuid() != 0:
        pytest.skip("only root can mount")
    directory = tmp_path / "tiny"
    directory.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=8m", "tiny", str(directory)], check=True)
    yield directory
    subprocess.run(["umount", str(directory)], check=True)


async def test_a_host_without_room_is_told_before_anything_is_done(
    config: QemuConfig, images: ImageStore, small: VmType, tiny_disk: Path
) -> None:
    """With how much is left, and nothing left behind."""
    async with QemuProvider(replace(config, data_dir=tiny_disk), images, SystemClock()) as provider:
        with pytest.raises(HostDiskFull, match=r"\d MiB left"):
            await provider.allocate(AllocationRequest(small))

    assert not (config.state_dir / "slots" / "qemu-template").exists()
    assert [path for path in (tiny_disk / "templates").iterdir() if path.is_dir()] == []


async def test_a_disk_that_fills_up_under_a_vm_fails_the_guests_writes_and_no_more(
    config: QemuConfig, images: ImageStore, small: VmType, tiny_disk: Path
) -> None:
    """The VM answers, is released, and gives the room back."""
    async with QemuProvider(replace(config, state_dir=tiny_disk), images, SystemClock()) as provider:
        await make_template(config, images, small)
        vm = (await provider.allocate(AllocationRequest(small))).vm
        command = Command(("/bin/sh", "-c", "head -c 100M /dev/urandom > /noise && sync /noise"))
        async with vm.exec(command) as execution:
            assert not (await execution.wait()).is_success
        await provider.release(vm.id)

    with anyio.fail_after(30):  # the kernel lets go of a Landlock rule's file some milliseconds after the process
        while os.statvfs(tiny_disk).f_bfree * 4096 < 7 << 20:
            await SystemClock().sleep_s(0.01)


async def test_templates_that_were_not_used_for_long_make_room(
    config: QemuConfig, images: ImageStore, small: VmType
) -> None:
    """Each change of the image makes a new one of hundreds of MB."""
    root = config.data_dir / "templates"
    for number in range(9):
        old = root / f"old-{number}"
        old.mkdir(parents=True)
        (old / "manifest.json").write_text("{}")
        os.utime(old, (number, number))
    async with QemuProvider(config, images, SystemClock()) as provider:
        await provider.allocate(AllocationRequest(small))

    kept = {path.name for path in root.iterdir() if path.is_dir()}
    assert len(kept) == 8
    assert not {"old-0", "old-1"} & kept
