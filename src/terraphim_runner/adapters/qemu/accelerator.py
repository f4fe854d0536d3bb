"""Which accelerator to use, by measuring.

That /dev/kvm exists, opens and makes VMs proves nothing: nested, it may be an emulation hundreds of times slower
than TCG. So a tiny ROM (`probe.S`) does what kernels do early - loops in real and protected mode, reloads of CR3,
invlpg, cpuid - and KVM is used only if it is through within half a second, the start of QEMU included. TCG takes
0.04-0.2 s. The result is kept until the next boot of the host or the next QEMU.
"""

from __future__ import annotations

import json
import os
import time
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import anyio

from terraphim_runner.adapters.qemu import probe_payload
from terraphim_runner.adapters.qemu.config import Accelerator, AcceleratorSetting
from terraphim_runner.adapters.qemu.confinement import Confinement, Identity, is_root
from terraphim_runner.adapters.qemu.host_view import HostView
from terraphim_runner.adapters.qemu.landlock import version
from terraphim_runner.adapters.qemu.program import Program, ask_files, ask_version, locate, stamp_of
from terraphim_runner.adapters.qemu.vmm import Vmm
from terraphim_runner.domain.errors import HostError

if TYPE_CHECKING:
    from terraphim_runner.adapters.qemu.config import QemuConfig

KVM_BUDGET_S = 0.5
TCG_BUDGET_S = 1.4  # with KVM's, the whole decision stays within two seconds
_KVM_DEVICE = Path("/dev/kvm")


@dataclass(frozen=True, slots=True)
class Measurement:
    """How the probe fared on one accelerator."""

    seconds: float | None  # none: it did not end in time, or QEMU failed
    remark: str  # why not, or the empty string


@dataclass(frozen=True, slots=True)
class Findings:
    """What was measured on this host."""

    key: str  # boot id and QEMU: what the measurements hold for
    qemu_version: str
    kvm: Measurement
    tcg: Measurement
    qemu_files: tuple[str, ...] = ()  # what it needs to start, apart from itself
    exposure: str = ""  # why VMMs see what their user may read of this host's files; empty: they do not


@dataclass(frozen=True, slots=True)
class AcceleratorChoice:
    """What will be used, and why; for `run` and `doctor`."""

    accelerator: Accelerator
    reason: str
    findings: Findings
    program: Program
    view: HostView | None = None  # none: see `Findings.exposure`


async def choose_accelerator(config: QemuConfig) -> AcceleratorChoice:
    """Decide by the setting and by measuring, or by what was measured since the host's boot.

    Raises:
        HostError: no QEMU, too old a one, one that does not run; or KVM was demanded and is not usable.
    """
    path = locate(config.program)
    cache = config.state_dir / "accelerator.json"
    landlock = version()
    key = f"{_boot_id()} {stamp_of(path)} {os.geteuid()} {probe_identity(config)} {_is_kvm_open()}"
    key += f" {landlock} {_loader_stamp()}"
    findings = load_findings(cache, key)
    if findings is None:
        program = await ask_version(path)
        findings = await _measure_all(key, program, probe_identity(config), landlock)
        _store_findings(cache, findings)
    accelerator, reason = decide(config.accelerator, findings)
    program = Program(path, findings.qemu_version, stamp_of(path))
    view = None if findings.exposure else HostView(landlock, str(path), findings.qemu_files)
    return AcceleratorChoice(accelerator, reason, findings, program, view)


def decide(setting: AcceleratorSetting, findings: Findings) -> tuple[Accelerator, str]:
    """Choose by the measurements; say why.

    Raises:
        HostError: nothing usable, or not what was demanded.
    """
    kvm, tcg = findings.kvm, findings.tcg
    if setting is not AcceleratorSetting.TCG and kvm.seconds is not None:
        return Accelerator.KVM, f"KVM ran the probe in {kvm.seconds:.2f} s"
    if setting is AcceleratorSetting.KVM:
        raise HostError(
            f"KVM was asked for and is not usable: {kvm.remark}",
            hint="use accel = auto, or mend /dev/kvm (nested virtualisation, permissions)",
        )
    if tcg.seconds is None:
        raise HostError(f"QEMU cannot run a VM: {tcg.remark}", hint="apt-get install --reinstall qemu-system-x86")
    if setting is AcceleratorSetting.TCG:
        return Accelerator.TCG, "asked for"
    return Accelerator.TCG, f"{kvm.remark}; TCG ran the probe in {tcg.seconds:.2f} s"


async def measure(
    accelerator: Accelerator, program: Path, confinement: Confinement, budget_s: float
) -> Measurement:
    """Run the probe once."""
    rom = os.memfd_create("probe", os.MFD_CLOEXEC)
    try:
        os.write(rom, probe_payload.rom())
        return await _run_probe(accelerator, program, rom, confinement, budget_s)
    finally:
        os.close(rom)


def probe_identity(config: QemuConfig) -> Identity | None:
    """Give the user that probes run as; the slots' users follow it."""
    return vmm_identity(config, 0)


def vmm_identity(config: QemuConfig, slot: int) -> Identity | None:
    """Give the user of a slot's VMM, in the group of /dev/kvm where there is one; none if not root."""
    if not is_root():
        return None
    with suppress(OSError):
        status = _KVM_DEVICE.stat()
        if status.st_mode & 0o060 == 0o060 and status.st_gid:
            return Identity(config.first_uid + slot, (status.st_gid,))
    return Identity(config.first_uid + slot)


def load_findings(cache: Path, key: str) -> Findings | None:
    """Read what was measured, if it holds for `key`; anything unreadable is as good as nothing."""
    with suppress(OSError, ValueError, TypeError, KeyError):
        raw = json.loads(cache.read_text())
        if raw["key"] == key:
            kvm, tcg = Measurement(**raw["kvm"]), Measurement(**raw["tcg"])
            return Findings(key, raw["qemu_version"], kvm, tcg, tuple(raw["qemu_files"]), raw["exposure"])
    return None


async def _measure_all(key: str, program: Program, identity: Identity | None, landlock: int) -> Findings:
    files = await ask_files(program.path)
    confinement, exposure = Confinement(identity), "this kernel has no Landlock, or it is switched off"
    if landlock:
        confinement = Confinement(identity, view=HostView(landlock, str(program.path), files))
        exposure = ""
    tcg = await measure(Accelerator.TCG, program.path, confinement, TCG_BUDGET_S)
    if tcg.seconds is None and landlock:
        open_to_all = await measure(Accelerator.TCG, program.path, Confinement(identity), TCG_BUDGET_S)
        if open_to_all.seconds is not None:
            exposure = f"this QEMU does not start where it sees its own files only: {tcg.remark}"
            confinement, tcg = Confinement(identity), open_to_all
    kvm = Measurement(None, "there is no /dev/kvm")
    if _has_kvm():
        kvm = await measure(Accelerator.KVM, program.path, confinement, KVM_BUDGET_S)
    return Findings(key, program.version, kvm, tcg, files, exposure)


async def _run_probe(
    accelerator: Accelerator, program: Path, rom: int, confinement: Confinement, budget_s: float
) -> Measurement:
    started_s = time.perf_counter()
    vmm = Vmm.spawn(
        [
            *(str(program), "-M", "microvm", "-accel", accelerator.value, "-m", "16M", "-no-reboot"),
            *("-nodefaults", "-no-user-config", "-display", "none", "-bios", f"/proc/self/fd/{rom}"),
            *("-chardev", "stdio,id=markers,signal=off", "-device", "isa-debugcon,chardev=markers"),
            *("-device", "isa-debug-exit,iobase=0xf4,iosize=1"),
        ],
        fds=[rom],
        limits=confinement,
    )
    try:
        with anyio.move_on_after(budget_s):
            await vmm.watch()
        seconds = time.perf_counter() - started_s
        ended = vmm.exited.is_set()
    finally:
        with anyio.CancelScope(shield=True):
            await vmm.destroy()
    return judge(accelerator, seconds, vmm.status if ended else None, vmm.console.last_lines())


def judge(accelerator: Accelerator, seconds: float, status: int | None, said: list[str]) -> Measurement:
    """Make a measurement of a probe's end: its exit status (none: it had to be stopped) and what it printed."""
    name = accelerator.value.upper()
    if status == probe_payload.EXIT_STATUS:
        return Measurement(round(seconds, 3), "")
    if status is None:
        return Measurement(None, f"{name} did not finish the probe in {seconds:.1f} s")
    why = next((line for line in reversed(said) if "warning" not in line), f"exit status {status}")
    return Measurement(None, f"{name} failed: {why}")


def _has_kvm() -> bool:
    return _KVM_DEVICE.exists()


def _is_kvm_open() -> bool:
    return os.access(_KVM_DEVICE, os.R_OK | os.W_OK)


def _loader_stamp() -> str:
    """Give a text that changes when libraries come or go."""
    cache = Path("/etc/ld.so.cache")
    return stamp_of(cache) if cache.exists() else ""


def _boot_id() -> str:
    return Path("/proc/sys/kernel/random/boot_id").read_text().strip()


def _store_findings(cache: Path, findings: Findings) -> None:
    with suppress(OSError):  # only a cache
        cache.parent.mkdir(parents=True, exist_ok=True)
        fresh = cache.with_name(f"{cache.name}.{os.getpid()}")
        try:
            fresh.write_text(json.dumps(asdict(findings), indent=1))
            fresh.replace(cache)
        finally:
            fresh.unlink(missing_ok=True)  # where there is no room for it
