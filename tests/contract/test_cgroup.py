"""Control groups, on files that look like the kernel's."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

import pytest

from terraphim_runner.adapters.qemu.cgroup import Budget, Cgroups

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def version_2(tmp_path: Path) -> Path:
    """A machine with version 2 only."""
    (tmp_path / "cgroup.controllers").write_text("cpu memory pids")
    return tmp_path


def test_version_2_is_found_and_its_limits_are_written(version_2: Path) -> None:
    """One directory for all controllers."""
    groups = Cgroups.detect(version_2)
    group = groups.create("vm-1", Budget(1024, 1, cpu_limit=1.5))

    (path,) = group.paths
    assert groups.version == 2
    assert (path / "cpu.max").read_text() == "150000 100000"
    assert (path / "pids.max").read_text() == "64"
    assert int((path / "memory.max").read_text()) > 1024 << 20


def test_limits_hold_though_another_runner_took_the_parent_away(version_2: Path) -> None:
    """It does so when it ends while nobody has a VM; a new one has to hand its controllers down."""
    groups = Cgroups.detect(version_2)
    parent = version_2 / "terraphim-runner"
    shutil.rmtree(parent)  # what the kernel's `rmdir` does with a group's files in it
    (path,) = groups.create("vm-1", Budget(1024, 1)).paths

    assert (parent / "cgroup.subtree_control").read_text() == "+memory +pids +cpu"
    assert (path / "memory.max").exists()


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("usage_usec 9\nnr_throttled 3\nthrottled_usec 2500000\n", 2.5),
        ("nr_periods 1\nnr_throttled 3\nthrottled_time 2500000000\n", 2.5),
        ("nr_periods 1\n", 0.0),
    ],
)
def test_throttling_is_told_in_seconds_of_either_version(version_2: Path, text: str, seconds: float) -> None:
    """The two count in different units."""
    group = Cgroups.detect(version_2).create("vm-1", Budget(1024, 1))
    (group.paths[0] / "cpu.stat").write_text(text)

    assert group.throttled_s() == seconds


def test_without_groups_nothing_was_throttled() -> None:
    """There is nobody who would."""
    assert Cgroups(0, ()).create("vm-1", Budget(1024, 1)).throttled_s() == 0.0
