"""Control groups for VMMs: version 2 where its controllers can be had, else version 1, else none.

A VMM is put into its group right after it was spawned. A group that cannot be made is no error: rlimits hold
anyway, and `Cgroups.description` says what is in force, for `doctor`.
"""

from __future__ import annotations

import os
import re
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

_ROOT = Path("/sys/fs/cgroup")
_PARENT = "terraphim-runner"
_MIB = 1 << 20
_VMM_OVERHEAD_MIB = 768  # QEMU itself and TCG's translated code, above the guest's memory
_MAX_TASKS = 64
_CPU_PERIOD_US = 100_000
_THROTTLED = re.compile(r"^(throttled_usec|throttled_time) (\d+)$", re.MULTILINE)
_V1_CONTROLLERS = ("memory", "pids", "cpu")


@dataclass(frozen=True, slots=True)
class Budget:
    """What a machine of a size may take of its host."""

    memory_mib: int
    cpus: int
    cpu_limit: float | None = None  # cores of the host; not set: its CPUs, and one more for the VMM's own thread

    def files(self, version: int) -> dict[str, dict[str, str]]:
        """Give, by controller, the files of a group and their values."""
        # Twice: a clone that touches a page for which its template's memory has a hole is charged for that page
        # too, and keeps the template's for all clones to come. A guest that used all its memory was killed for it.
        memory = str((2 * self.memory_mib + _VMM_OVERHEAD_MIB) * _MIB)
        quota = round((self.cpu_limit or self.cpus + 1) * _CPU_PERIOD_US)
        if version == 1:
            return {
                "memory": {"memory.limit_in_bytes": memory},
                "pids": {"pids.max": str(_MAX_TASKS)},
                "cpu": {"cpu.cfs_quota_us": str(quota)},
            }
        return {
            "memory": {"memory.max": memory},
            "pids": {"pids.max": str(_MAX_TASKS)},
            "cpu": {"cpu.max": f"{quota} {_CPU_PERIOD_US}"},
        }


class Cgroup:
    """The directories that hold one VMM."""

    def __init__(self, paths: tuple[Path, ...]) -> None:
        """Use `Cgroups.create`."""
        self.paths = paths

    def add(self, pid: int) -> None:
        """Move a process in."""
        for path in self.paths:
            with suppress(OSError):
                (path / "cgroup.procs").write_text(str(pid))

    def throttled_s(self) -> float:
        """Tell for how long it was kept from the processors by its quota."""
        for path in self.paths:
            with suppress(OSError):
                found = _THROTTLED.search((path / "cpu.stat").read_text())
                if found:
                    return int(found[2]) / (1e6 if found[1] == "throttled_usec" else 1e9)
        return 0.0

    def remove(self) -> bool:
        """Remove the group; false if the kernel still holds it, for a process that is dead but not yet reaped."""
        for path in self.paths:
            with suppress(OSError):
                path.rmdir()
        return not any(path.exists() for path in self.paths)


@dataclass(frozen=True, slots=True)
class Cgroups:
    """Where groups can be made on this host."""

    version: int  # 0: nowhere
    parents: tuple[tuple[str, Path], ...]  # controller and directory

    @property
    def description(self) -> str:
        """Say what is in force."""
        if not self.version:
            return "no control groups can be made here: rlimits only"
        return f"control groups v{self.version}: {', '.join(name for name, _ in self.parents)}"

    @classmethod
    def detect(cls, root: Path = _ROOT) -> Cgroups:
        """Find out by making the parent group."""
        parent = root / _PARENT
        if (root / "cgroup.controllers").exists():
            with suppress(OSError):
                _hand_down_controllers(root)
                parent.mkdir(exist_ok=True)
                _hand_down_controllers(parent)
                return cls(2, tuple((name, parent) for name in _V1_CONTROLLERS))
            return cls(0, ())
        parents = tuple((name, root / name / _PARENT) for name in _V1_CONTROLLERS if _can_make(root / name))
        return cls(1 if parents else 0, parents)

    def create(self, name: str, budget: Budget) -> Cgroup:
        """Make the group `name`, or as much of it as the host allows."""
        made: dict[Path, None] = {}
        files = budget.files(self.version)
        for controller, parent in self.parents:
            path = parent / name
            with suppress(OSError):
                path.mkdir(parents=True, exist_ok=True)
                made[path] = None
                if self.version == 2:  # anew: another runner that ended may have removed the parent; now none can
                    _hand_down_controllers(parent)
                for file, value in files[controller].items():
                    (path / file).write_text(value)
        return Cgroup(tuple(made))

    def remove_parents(self) -> None:
        """Remove what `detect` made, where no group of anybody's is in it."""
        for _, parent in self.parents:
            with suppress(OSError):
                parent.rmdir()


def _hand_down_controllers(group: Path) -> None:
    (group / "cgroup.subtree_control").write_text("+memory +pids +cpu")


def _can_make(controller: Path) -> bool:
    if not controller.is_dir():
        return False
    try:
        (controller / _PARENT).mkdir(exist_ok=True)
    except OSError:
        return False
    return os.access(controller / _PARENT, os.W_OK)  # it may be another user's
