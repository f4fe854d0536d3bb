"""What `doctor` makes of a machine's facts."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from terraphim_runner.cli.doctor import as_json, as_text, is_healthy
from terraphim_runner.cli.finding import Finding, Level, judge
from terraphim_runner.settings.host import HostCapacity
from terraphim_runner.settings.load import load_settings
from terraphim_runner.wiring.host_facts import PROGRAMS, AcceleratorFacts, HostFacts, ImageFacts, Trouble

_SETTINGS = load_settings({}, {"HOME": "/home/none"}, HostCapacity(4, 16384))
_GOOD = HostFacts(
    machine="x86_64",
    is_root=False,
    programs={name: f"/usr/bin/{name}" for name in PROGRAMS},
    accelerator=AcceleratorFacts("kvm", "KVM ran the probe in 0.05 s", "8.2.0"),
    has_kvm=True,
    is_kvm_permitted=True,
    is_kvm_for_group=True,
    cgroups="control groups v2: memory, pids, cpu",
    network=None,
    image=ImageFacts("debian-12", "0123456789abcdef", 500 << 20, {"node20": "20.1.0"}),
    has_template=True,
    directories={"data_dir": Path("/data"), "state_dir": Path("/state")},
    free_mib=50_000,
    capacity=HostCapacity(4, 16384),
    available_mib=8000,
    vm_type=_SETTINGS.vm_type("default"),
    settings=_SETTINGS,
    settings_file=Path("/config.toml"),
    has_settings_file=False,
)
_TCG = AcceleratorFacts("tcg", "KVM did not finish the probe", "7.2.0")
_NO_IMAGE = Trouble("the image 'debian-12' has not been built", "terraphim-runner image build debian-12")


def _without(*names: str) -> dict[str, str | None]:
    return {name: None if name in names else path for name, path in _GOOD.programs.items()}


def _finding(name: str, **changes: Any) -> Finding:
    return next(finding for finding in judge(replace(_GOOD, **changes)) if finding.name == name)


def test_a_machine_that_has_everything_is_healthy() -> None:
    """Nothing is wrong, and nothing is noted."""
    findings = judge(_GOOD)

    assert is_healthy(findings)
    assert {finding.level for finding in findings} == {Level.OK}


def test_the_node_of_javascript_actions_is_named_with_the_image() -> None:
    """A user sees which Node.js an action will get."""
    assert _finding("image").message.endswith("500 MiB, node20 20.1.0")


def test_vmms_that_see_the_hosts_files_are_noted_with_the_reason() -> None:
    """Runs work, but not as they should."""
    exposed = replace(_TCG, exposure="this kernel has no Landlock")
    finding = _finding("sandbox", accelerator=exposed)

    assert (finding.level, "this kernel has no Landlock" in finding.message) == (Level.NOTE, True)
    assert finding.remedy is not None


@pytest.mark.parametrize(
    ("name", "changes", "remedy"),
    [
        ("machine", {"machine": "aarch64"}, None),
        ("qemu-system-x86_64", {"programs": _without("qemu-system-x86_64")}, "apt-get install qemu-system-x86"),
        ("mksquashfs", {"programs": _without("mksquashfs")}, "apt-get install squashfs-tools"),
        ("prlimit", {"programs": _without("prlimit")}, "sudo apt-get install util-linux"),
        ("git", {"programs": _without("git")}, "apt-get install git"),
        ("mmdebstrap", {"programs": _without("mmdebstrap"), "image": _NO_IMAGE}, "apt-get install mmdebstrap"),
        ("accelerator", {"accelerator": Trouble("QEMU cannot run a VM", "reinstall it")}, "reinstall it"),
        ("image", {"image": _NO_IMAGE}, "terraphim-runner image build debian-12"),
        ("disk", {"free_mib": 500}, "free some space"),
        ("disk", {"free_mib": 1500, "image": _NO_IMAGE}, "free some space"),
        ("memory", {"capacity": HostCapacity(4, 1024)}, "set vm_types.default.memory_mib lower"),
        ("budget", {"capacity": HostCapacity(4, 2500)}, "memory_overcommit"),
        ("network", {"network": Trouble("no namespaces", "sysctl x=0")}, "sysctl x=0"),
        ("state_dir", {"directories": {"state_dir": Trouble("it cannot be written", "sudo chown")}}, "sudo chown"),
    ],
)
def test_what_keeps_runs_from_working_is_a_problem_with_its_remedy(
    name: str, changes: dict[str, Any], remedy: str | None
) -> None:
    """Each alone makes the machine unhealthy."""
    finding = _finding(name, **changes)

    assert finding.level is Level.PROBLEM
    assert (finding.remedy or "").find(remedy or "") >= 0
    assert (finding.remedy is None) == (remedy is None)
    assert not is_healthy(judge(replace(_GOOD, **changes)))


@pytest.mark.parametrize(
    ("name", "changes"),
    [
        ("kvm", {"accelerator": _TCG, "has_kvm": False}),
        ("kvm", {"accelerator": _TCG, "is_kvm_permitted": False}),
        ("kvm", {"accelerator": _TCG}),
        ("template", {"has_template": False}),
        ("mmdebstrap", {"programs": _without("mmdebstrap")}),
        ("disk", {"free_mib": 5000}),
        ("memory", {"available_mib": 1000}),
    ],
)
def test_what_only_makes_runs_worse_is_a_note(name: str, changes: dict[str, Any]) -> None:
    """Runs work, so the machine is healthy."""
    assert _finding(name, **changes).level is Level.NOTE
    assert is_healthy(judge(replace(_GOOD, **changes)))


def test_the_superuser_needs_no_sudo() -> None:
    """Where it is all there is, as in a container, sudo is often missing."""
    assert _finding("git", is_root=True, programs=_without("git")).remedy == "apt-get install git"


@pytest.mark.parametrize(
    ("is_for_group", "is_root", "remedy"),
    [
        (True, False, "sudo usermod --append --groups kvm $USER, then log in again"),
        (False, False, "sudo sh -c 'groupadd --force --system kvm && chgrp kvm /dev/kvm && chmod 660 /dev/kvm'"),
        (False, True, "groupadd --force --system kvm && chgrp kvm /dev/kvm && chmod 660 /dev/kvm"),
    ],
)
def test_a_kvm_that_is_closed_is_opened_as_its_owner_and_group_allow(
    is_for_group: bool, is_root: bool, remedy: str
) -> None:
    """To join a group does not help where the group may not use it."""
    found = _finding(
        "kvm", accelerator=_TCG, is_kvm_permitted=False, is_kvm_for_group=is_for_group, is_root=is_root
    )

    assert found.remedy == remedy


def test_the_provider_process_needs_no_virtual_machines() -> None:
    """What it does not use is not looked at."""
    settings = load_settings({"provider": "process"}, {"HOME": "/home/none"}, HostCapacity(4, 16384))
    bare = replace(_GOOD, settings=settings, programs=_without("qemu-system-x86_64"), image=_NO_IMAGE)

    assert is_healthy(judge(bare))
    assert not is_healthy(judge(replace(bare, programs=_without("git"))))


def test_the_report_for_people_ends_with_a_verdict() -> None:
    """The remedy is below what it mends."""
    findings = judge(replace(_GOOD, image=_NO_IMAGE))
    lines = list(as_text(findings, has_colours=False))
    image = next(index for index, line in enumerate(lines) if "has not been built" in line)

    assert lines[image].startswith("  \u2717 image ")
    assert lines[image + 1].strip() == "\u2192 terraphim-runner image build debian-12"
    assert lines[-1] == "  1 problem: no run can work here yet."
    assert list(as_text(judge(_GOOD), has_colours=False))[-1] == "  Runs can work here."


def test_the_report_for_programs_says_the_same() -> None:
    """Level and remedy as plain values."""
    report = as_json(judge(replace(_GOOD, image=_NO_IMAGE)))

    assert report["is_healthy"] is False
    assert isinstance(report["findings"], list)
    assert {
        "name": "image",
        "level": "problem",
        "message": "the image 'debian-12' has not been built",
        "remedy": "terraphim-runner image build debian-12",
    } in report["findings"]
