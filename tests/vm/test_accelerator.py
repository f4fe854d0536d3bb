"""KVM is believed when it was measured, and not before."""

from __future__ import annotations

import shutil
import subprocess
import time
from importlib import resources
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import pytest

from terraphim_runner.adapters.qemu import probe_payload
from terraphim_runner.adapters.qemu.accelerator import KVM_BUDGET_S, choose_accelerator, measure
from terraphim_runner.adapters.qemu.config import Accelerator, AcceleratorSetting, QemuConfig
from terraphim_runner.adapters.qemu.confinement import Confinement
from terraphim_runner.adapters.qemu.landlock import version
from terraphim_runner.adapters.qemu.program import locate
from terraphim_runner.adapters.qemu.provider import QemuProvider
from terraphim_runner.adapters.system_clock import SystemClock
from terraphim_runner.domain.errors import HostError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from terraphim_runner.ports.image import ImageStore

pytestmark = [pytest.mark.vm, pytest.mark.anyio]


@pytest.fixture
def config(tmp_path: Path) -> QemuConfig:
    """Nothing measured yet."""
    return QemuConfig(tmp_path, tmp_path)


@pytest.fixture
def qemu_by_script() -> Iterator[Path]:
    """A script that starts QEMU, where the VMM's user may execute it."""
    with TemporaryDirectory() as directory:
        Path(directory).chmod(0o755)
        script = Path(directory) / "qemu-by-script"
        script.write_text(f'#!/bin/sh\nexec {locate("qemu-system-x86_64")} "$@"\n')
        script.chmod(0o755)
        yield script


def is_emulated_kvm() -> bool:
    return Path("/dev/kvm").exists() and "hypervisor" in Path("/proc/cpuinfo").read_text()


async def test_tcg_ends_the_probe(config: QemuConfig) -> None:
    """In a fraction of its budget."""
    result = await measure(Accelerator.TCG, locate(config.program), Confinement(None), 5)

    assert result.seconds is not None
    assert result.seconds < 2


@pytest.mark.skipif(not is_emulated_kvm(), reason="needs a /dev/kvm that is an emulation")
async def test_a_kvm_that_is_none_is_found_out_in_half_a_second(config: QemuConfig) -> None:
    """Trap: it opens and makes VMs, and never ends the probe."""
    started = time.monotonic()
    result = await measure(Accelerator.KVM, locate(config.program), Confinement(None), KVM_BUDGET_S)

    if result.seconds is not None:
        pytest.skip("this KVM is real")
    assert "did not finish" in result.remark
    assert time.monotonic() - started < KVM_BUDGET_S + 0.5


async def test_the_decision_takes_two_seconds_at_most_and_is_remembered(config: QemuConfig) -> None:
    """Until the next boot, or the next QEMU."""
    started = time.monotonic()
    first = await choose_accelerator(config)
    took = time.monotonic() - started
    second = await choose_accelerator(config)

    assert took < 2
    assert second == first
    assert (config.state_dir / "accelerator.json").exists()
    assert first.accelerator is (Accelerator.KVM if first.findings.kvm.seconds else Accelerator.TCG)


async def test_a_missing_qemu_is_named_with_the_command_that_mends_it(tmp_path: Path) -> None:
    """As exactly as it can be said."""
    config = QemuConfig(tmp_path, tmp_path, program="qemu-system-nothing")
    with pytest.raises(HostError, match="qemu-system-nothing is not installed") as caught:
        await choose_accelerator(config)

    assert caught.value.hint == "apt-get install qemu-system-x86"


@pytest.mark.skipif(not version(), reason="this kernel has no Landlock")
async def test_a_qemu_that_does_not_start_shut_in_runs_as_before_and_that_is_told(
    qemu_by_script: Path, tmp_path: Path, images: ImageStore
) -> None:
    """As one that a script starts: nobody knows which files that needs."""
    config, told = QemuConfig(tmp_path, tmp_path, program=str(qemu_by_script)), list[str]()
    choice = await choose_accelerator(config)
    again = await choose_accelerator(config)
    async with QemuProvider(config, images, SystemClock(), told.append):
        pass

    assert [choice.findings.exposure in message for message in told] == [True]
    assert choice.view is None
    assert "does not start where it sees its own files only" in choice.findings.exposure
    assert again == choice


@pytest.mark.skipif(not version(), reason="this kernel has no Landlock")
async def test_the_qemu_of_this_machine_is_measured_shut_in(config: QemuConfig) -> None:
    """As VMs will run."""
    choice = await choose_accelerator(config)

    assert choice.findings.exposure == ""
    assert choice.view is not None
    assert any("/libc" in file for file in choice.view.files)


async def test_an_old_qemu_is_refused(tmp_path: Path) -> None:
    """By its own word."""
    old = tmp_path / "qemu-system-old"
    old.write_text("#!/bin/sh\necho QEMU emulator version 5.2.0\n")
    old.chmod(0o755)
    with pytest.raises(HostError, match=r"5\.2\.0 is too old"):
        await choose_accelerator(QemuConfig(tmp_path, tmp_path, program=str(old)))


async def test_demanding_a_kvm_that_is_not_usable_is_an_error(tmp_path: Path) -> None:
    """There is no silent fall-back when KVM was asked for by name."""
    config = QemuConfig(tmp_path, tmp_path, accelerator=AcceleratorSetting.KVM)
    found = await choose_accelerator(QemuConfig(tmp_path, tmp_path))
    if found.findings.kvm.seconds is not None:
        pytest.skip("this KVM is usable")
    with pytest.raises(HostError, match="KVM was asked for"):
        await choose_accelerator(config)


@pytest.fixture
def assembled(tmp_path: Path) -> bytes:
    """The probe, from its source."""
    if shutil.which("as") is None or shutil.which("ld") is None:
        pytest.skip("needs binutils")
    source = resources.files("terraphim_runner.adapters.qemu") / "probe.S"
    subprocess.run(["as", "--32", str(source), "-o", "probe.o"], cwd=tmp_path, check=True)
    link = ["ld", "-m", "elf_i386", "--oformat", "binary", "-e", "0", "-Ttext", "0", "-o", "probe.bin", "probe.o"]
    subprocess.run(link, cwd=tmp_path, check=True)
    return (tmp_path / "probe.bin").read_bytes()


def test_the_probe_is_its_source_assembled(assembled: bytes) -> None:
    """The bytes in the package are these and no others."""
    assert probe_payload.rom() == assembled
