"""What a job's root is mounted from: the machine's root below, a disk of its own above, its own kernel's faces."""

from __future__ import annotations

import os
from stat import S_IFCHR

from terraphim_runner.guest.kernel import (
    MNT_DETACH,
    MS_MOVE,
    MS_NOATIME,
    MS_NODEV,
    MS_NOEXEC,
    MS_NOSUID,
    MS_PRIVATE,
    MS_RDONLY,
    MS_REC,
    mount,
    pivot_root,
    unmount,
)

DISK = "/var/lib/terraphim-runner"  # where a root's own disk is in it

_STAGE = "/run/terraphim-runner/stage"
_STAGE_DISK = "/run/terraphim-runner/disk"
_DEVICES = {
    "null": (1, 3),
    "zero": (1, 5),
    "full": (1, 7),
    "random": (1, 8),
    "urandom": (1, 9),
    "tty": (5, 0),
    "fuse": (10, 229),
}
_LINKS = {
    "fd": "/proc/self/fd",
    "stdin": "/proc/self/fd/0",
    "stdout": "/proc/self/fd/1",
    "stderr": "/proc/self/fd/2",
    "ptmx": "pts/ptmx",
}


def make_stage() -> None:
    """Make the directories that roots are put together on."""
    for path in (_STAGE, _STAGE_DISK, DISK):
        os.makedirs(path, mode=0o700, exist_ok=True)


def change_root(device: str) -> None:
    """Make the machine's root, with everything written going to this disk, the root of this mount namespace.

    The namespace is a new one of the caller's. What is mounted on the machine's root is not in the new one.

    Raises:
        OSError: the kernel refused.
    """
    mount("none", "/", "", MS_REC | MS_PRIVATE, "")
    mount(device, _STAGE_DISK, "ext4", MS_NOATIME, "noinit_itable,no_prefetch_block_bitmaps,barrier=0")
    upper, work = f"{_STAGE_DISK}/upper", f"{_STAGE_DISK}/work"
    os.mkdir(upper, 0o755)
    os.mkdir(work, 0o755)
    mount("overlay", _STAGE, "overlay", MS_NODEV, f"lowerdir=/,upperdir={upper},workdir={work},volatile")
    mount(_STAGE_DISK, f"{_STAGE}{DISK}", "", MS_MOVE, "")
    os.chdir(_STAGE)
    _furnish()
    pivot_root(".", ".")
    unmount(".", MNT_DETACH)
    os.chdir("/")


def _furnish() -> None:
    mount("sys", "sys", "sysfs", MS_NOSUID | MS_NODEV | MS_NOEXEC | MS_RDONLY, "")
    mount("run", "run", "tmpfs", MS_NOSUID | MS_NODEV, "mode=755")
    os.mkdir("run/lock")
    os.chmod("run/lock", 0o1777)
    _furnish_devices()


def _furnish_devices() -> None:
    mount("dev", "dev", "tmpfs", MS_NOSUID | MS_NOEXEC, "mode=755,size=64k")
    for name, (major, minor) in _DEVICES.items():
        os.mknod(f"dev/{name}", S_IFCHR | 0o666, os.makedev(major, minor))
        os.chmod(f"dev/{name}", 0o666)
    for name, target in _LINKS.items():
        os.symlink(target, f"dev/{name}")
    for name in ("pts", "shm", "mqueue"):
        os.mkdir(f"dev/{name}")
    mount("devpts", "dev/pts", "devpts", MS_NOSUID | MS_NOEXEC, "newinstance,gid=5,mode=620,ptmxmode=666")
    mount("shm", "dev/shm", "tmpfs", MS_NOSUID | MS_NODEV, "mode=1777")
    mount("mqueue", "dev/mqueue", "mqueue", MS_NOSUID | MS_NODEV | MS_NOEXEC, "")
