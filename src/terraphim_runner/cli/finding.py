"""What the facts of a machine mean for runs: pure judgement, no looking."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING

from terraphim_runner.domain.budget import Share
from terraphim_runner.domain.network import NetworkMode
from terraphim_runner.settings.model import ProviderName
from terraphim_runner.wiring.engine import budget
from terraphim_runner.wiring.host_facts import Trouble

if TYPE_CHECKING:
    from collections.abc import Iterator

    from terraphim_runner.wiring.host_facts import HostFacts

_PACKAGES = {
    "qemu-system-x86_64": "qemu-system-x86",
    "git": "git",
    "mksquashfs": "squashfs-tools",
    "setpriv": "util-linux",
    "prlimit": "util-linux",
    "nft": "nftables",
    "mmdebstrap": "mmdebstrap",
    "mke2fs": "e2fsprogs",
    "tar": "tar",
}
_FOR_IMAGES = frozenset({"mmdebstrap", "mke2fs", "tar"})  # the others are for every run
_IMAGE_MIB = 1536
_RUN_MIB = 512


class Level(Enum):
    """How bad a finding is."""

    OK = "ok"
    NOTE = "note"  # runs work, but
    PROBLEM = "problem"  # no run can work


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at."""

    name: str
    level: Level
    message: str
    remedy: str | None = None  # a command, where a command mends it


def judge(facts: HostFacts) -> list[Finding]:
    """Judge everything, in the order in which it should be mended."""
    findings = [_settings(facts), *_directories(facts)]
    if facts.settings.provider is not ProviderName.QEMU:
        return [*findings, _program(facts, "git", Level.PROBLEM)]
    findings += [_machine(facts), *_programs(facts), _accelerator(facts), *_sandbox(facts), *_kvm(facts)]
    return [
        *findings,
        _disk(facts),
        _memory(facts),
        *_budget(facts),
        _image(facts),
        _template(facts),
        _cgroups(facts),
        _network(facts),
    ]


def _settings(facts: HostFacts) -> Finding:
    source = str(facts.settings_file) if facts.has_settings_file else f"no {facts.settings_file}: defaults"
    settings = facts.settings
    message = f"{source}; provider {settings.provider.value}, at most {settings.max_concurrent_sessions} sessions"
    return Finding("settings", Level.OK, message)


def _directories(facts: HostFacts) -> Iterator[Finding]:
    for name, directory in facts.directories.items():
        if isinstance(directory, Trouble):
            yield Finding(name, Level.PROBLEM, directory.message, directory.remedy)
        else:
            yield Finding(name, Level.OK, str(directory))


def _machine(facts: HostFacts) -> Finding:
    if facts.machine == "x86_64":
        return Finding("machine", Level.OK, facts.machine)
    return Finding("machine", Level.PROBLEM, f"{facts.machine}: virtual machines are for x86_64 only")


def _programs(facts: HostFacts) -> Iterator[Finding]:
    for name in facts.programs:
        is_needed = name not in _FOR_IMAGES or isinstance(facts.image, Trouble)
        yield _program(facts, name, Level.PROBLEM if is_needed else Level.NOTE)


def _program(facts: HostFacts, name: str, level_if_missing: Level) -> Finding:
    path = facts.programs[name]
    if path is not None:
        return Finding(name, Level.OK, path)
    purpose = "to build images" if name in _FOR_IMAGES else "for every run"
    remedy = f"{'' if facts.is_root else 'sudo '}apt-get install {_PACKAGES[name]}"
    return Finding(name, level_if_missing, f"not installed; needed {purpose}", remedy)


def _accelerator(facts: HostFacts) -> Finding:
    found = facts.accelerator
    if isinstance(found, Trouble):
        return Finding("accelerator", Level.PROBLEM, found.message, found.remedy)
    return Finding("accelerator", Level.OK, f"{found.name}: {found.reason} (QEMU {found.qemu_version})")


def _sandbox(facts: HostFacts) -> Iterator[Finding]:
    if isinstance(facts.accelerator, Trouble):
        return
    if not facts.accelerator.exposure:
        yield Finding("sandbox", Level.OK, "a VMM sees no files of this machine but QEMU's own")
        return
    message = f"a VMM sees what its user may read of this machine's files: {facts.accelerator.exposure}"
    yield Finding(
        "sandbox", Level.NOTE, message, "boot Linux 5.13 or later with `landlock` in its `lsm=` parameter"
    )


def _kvm(facts: HostFacts) -> Iterator[Finding]:
    if not isinstance(facts.accelerator, Trouble) and facts.accelerator.name == "kvm":
        return
    if not facts.has_kvm:
        remedy = "enable virtualisation in the firmware, or nested virtualisation on the host of this machine"
        yield Finding(
            "kvm", Level.NOTE, "there is no /dev/kvm; software emulation is several times slower", remedy
        )
    elif not facts.is_kvm_permitted:
        who = "the users that VMs run as" if facts.is_root else "this user"
        message = f"/dev/kvm is there, but closed to {who}"
        yield Finding("kvm", Level.NOTE, message, _kvm_remedy(facts))
    else:
        yield Finding("kvm", Level.NOTE, "/dev/kvm is there and is not used: see accelerator")


def _kvm_remedy(facts: HostFacts) -> str:
    if facts.is_kvm_for_group:
        return "sudo usermod --append --groups kvm $USER, then log in again"
    command = "groupadd --force --system kvm && chgrp kvm /dev/kvm && chmod 660 /dev/kvm"
    return command if facts.is_root else f"sudo sh -c '{command}'"


def _disk(facts: HostFacts) -> Finding:
    needed = _RUN_MIB + (_IMAGE_MIB if isinstance(facts.image, Trouble) else 0)
    if facts.free_mib < needed:
        message = f"{facts.free_mib} MiB are free, {needed} MiB are needed"
        return Finding("disk", Level.PROBLEM, message, "free some space, or set data_dir and state_dir elsewhere")
    if facts.free_mib < facts.vm_type.disk_mib:
        message = f"{facts.free_mib} MiB are free; a run may write {facts.vm_type.disk_mib} MiB"
        return Finding("disk", Level.NOTE, message, f"set vm_types.{facts.vm_type.name}.disk_mib lower")
    return Finding("disk", Level.OK, f"{facts.free_mib} MiB are free")


def _memory(facts: HostFacts) -> Finding:
    needed, total = facts.vm_type.memory_mib, facts.capacity.memory_mib
    remedy = f"set vm_types.{facts.vm_type.name}.memory_mib lower"
    if total < needed:
        return Finding("memory", Level.PROBLEM, f"{total} MiB; one VM needs {needed} MiB", remedy)
    if facts.available_mib < needed:
        message = f"{facts.available_mib} of {total} MiB are available; one VM may use {needed} MiB"
        return Finding("memory", Level.NOTE, message, remedy)
    return Finding("memory", Level.OK, f"{facts.available_mib} of {total} MiB are available")


def _budget(facts: HostFacts) -> list[Finding]:
    """Say if a VM is more than all VMs together may be promised: every run would be refused."""
    shortage = budget(facts.settings, facts.capacity).shortage(Share.of(facts.vm_type))
    if shortage is None:
        return []
    name = facts.vm_type.name
    remedy = f"set vm_types.{name}.cpus or memory_mib lower, or cpu_overcommit or memory_overcommit higher"
    return [Finding("budget", Level.PROBLEM, f"a VM of type {name} asks for {shortage} that VMs may have", remedy)]


def _image(facts: HostFacts) -> Finding:
    if isinstance(facts.image, Trouble):
        return Finding("image", Level.PROBLEM, facts.image.message, facts.image.remedy)
    size_mib = facts.image.size_bytes >> 20
    runtimes = "".join(f", {name} {version}" for name, version in facts.image.runtimes.items())
    return Finding("image", Level.OK, f"{facts.image.name} {facts.image.digest[:12]}, {size_mib} MiB{runtimes}")


def _template(facts: HostFacts) -> Finding:
    if facts.has_template:
        return Finding("template", Level.OK, f"VM type {facts.vm_type.name} is ready to be cloned")
    return Finding("template", Level.NOTE, "none yet: the first run makes it, which takes some seconds")


def _cgroups(facts: HostFacts) -> Finding:
    return Finding("cgroups", Level.OK, facts.cgroups)


def _network(facts: HostFacts) -> Finding:
    policy = facts.vm_type.network
    needs_namespace = policy.mode in {NetworkMode.OPEN, NetworkMode.ALLOWLIST}
    if facts.network is None:
        return Finding("network", Level.OK, f"{policy}; this machine makes network namespaces")
    level = Level.PROBLEM if needs_namespace else Level.NOTE
    return Finding("network", level, f"{policy}; {facts.network.message}", facts.network.remedy)
