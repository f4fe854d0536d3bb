"""What runs may leave behind: processes, sockets, files, mounts, control groups, debts in the ledger."""

from __future__ import annotations

import json
import os
import stat
from collections import Counter
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from terraphim_runner.adapters.qemu.slot import Slot

if TYPE_CHECKING:
    from collections.abc import Iterator

# What a state directory keeps for good: everything else is a run's.
_KEPT = {
    "ledger.jsonl",
    "accelerator.json",
    "ledger.lock",
    "owners.lock",
    "reconciling.lock",
    "lock",
    "generation",
}
_KEPT_DIRECTORIES = {"owners", "scratch"}
_SLOT_KINDS = ("qemu", "qemu-template")
_CGROUP_ROOT = Path("/sys/fs/cgroup")


def processes(directory: Path) -> list[str]:
    """List live processes that were started with this state directory."""
    mark = f"XDG_STATE_HOME={directory}".encode()
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            if mark in (process / "environ").read_bytes().split(b"\0"):
                words = (process / "cmdline").read_bytes().split(b"\0")
                found.append(f"process {process.name}: {words[0].decode(errors='replace')}")
    return found


def files(state: Path, temporary: Path) -> list[str]:
    """List files, sockets and directories that are not kept for good."""
    left = [path for path in _walk(state) if path.name not in _KEPT]
    left += _walk(temporary)
    return [f"{_kind(path)} {path}" for path in left]


def mounts() -> set[str]:
    """Give all mounts, by what is mounted where."""
    lines = Path("/proc/self/mountinfo").read_text().splitlines()
    return {" ".join(line.split()[3:5]) for line in lines}


def control_groups(state: Path) -> list[str]:
    """List the control groups of this state directory's VMs."""
    names = {Slot(state / "slots" / kind / "1", -1).name.rpartition("-")[0] for kind in _SLOT_KINDS}
    groups = _CGROUP_ROOT.glob("**/terraphim-runner/vm-*")
    return [f"control group {group}" for group in groups if group.name.rpartition("-")[0] in names]


def unfinished_templates(templates: Path) -> list[Path]:
    """Give what was begun under a temporary name."""
    return list(templates.glob("*.new"))


def unbalanced_sessions(ledger: Path) -> list[str]:
    """List sessions that were not allocated and released exactly once, or failed to be allocated."""
    sessions: dict[str, Counter[str]] = {}
    for entry in _entries(ledger):
        sessions.setdefault(entry["session_id"], Counter())[entry["event"]] += 1
    return [f"session {name}: {dict(counts)}" for name, counts in sessions.items() if not _is_balanced(counts)]


def count_sessions(ledger: Path) -> Counter[str]:
    """Count the ledger's entries by event."""
    return Counter(entry["event"] for entry in _entries(ledger))


def _is_balanced(counts: Counter[str]) -> bool:
    if counts["requested"] != 1:
        return False
    if counts["allocated"]:
        return counts["allocated"] == counts["released"] == 1
    return counts["allocation-failed"] == 1 and not counts["released"]


def _entries(ledger: Path) -> Iterator[dict[str, str]]:
    for line in ledger.read_bytes().splitlines():
        with suppress(ValueError):  # torn by a kill -9
            yield json.loads(line)


def _walk(root: Path) -> list[Path]:
    """Give every entry that is no directory, and every directory that is empty."""
    found = []
    for directory, names, file_names in os.walk(root):
        found += [Path(directory, name) for name in file_names]
        if not names and not file_names and Path(directory).name not in {root.name, *_KEPT_DIRECTORIES}:
            found.append(Path(directory))
    return found


def _kind(path: Path) -> str:
    mode = path.lstat().st_mode
    if stat.S_ISSOCK(mode):
        return "socket"
    return "directory" if stat.S_ISDIR(mode) else "file"
