"""Work trees that the host writes as a squashfs on a disk of their own."""

from __future__ import annotations

import os
import shutil
from stat import S_IFBLK

from terraphim_runner.guest.file_transfer import make_empty_directory
from terraphim_runner.guest.kernel import MS_NODEV, MS_NOSUID, MS_RDONLY, flush_block_device, mount, unmount

TYPE_CHECKING = False
if TYPE_CHECKING:
    from terraphim_runner.guest.account import Account
    from terraphim_runner.guest.place import Place

_BLOCK_DEVICES = "/sys/block"
_HOME = "/var/lib/terraphim-runner/mailbox"  # on a disk, the machine's or the job's: changes must outgrow memory


class Mailbox:
    """The mailbox's tree, wherever it is mounted."""

    def __init__(self) -> None:
        """Start with nothing mounted."""
        self._mounts: list[tuple[Place, str, str]] = []  # where, the target, and what is kept for it

    def mount(self, serial: str, place: Place, target: str, account: Account | None) -> None:
        """Give the disk's squashfs as a writable tree; what changes goes to the disk of the place.

        It may be had several times: each has its own changes.

        Raises:
            OSError: there is no such disk, or it holds no squashfs.
        """
        device = _find_disk(serial)
        if not self._mounts:
            flush_block_device(device)
        number = os.stat(device).st_rdev
        home = f"{_HOME}/{len(self._mounts)}"
        with place:
            make_empty_directory(target, account)
            _mount_squashfs(number, home)
            try:
                _mount_overlay(target, home, account)
            except OSError:
                unmount(f"{home}/lower")
                raise
        self._mounts.append((place, target, home))

    def release(self) -> None:
        """Unmount the tree everywhere and drop its changes, so that the host may write the disk again.

        Raises:
            OSError: somebody uses it, or a root is gone, and the tree in it.
        """
        while self._mounts:
            place, target, home = self._mounts[-1]
            with place:
                unmount(target)
                unmount(f"{home}/lower")
                shutil.rmtree(home)
            self._mounts.pop()


def _mount_squashfs(device: int, home: str) -> None:
    for name in ("lower", "upper", "work"):
        os.makedirs(f"{home}/{name}", exist_ok=True)
    node = f"{home}/device"
    os.mknod(node, S_IFBLK | 0o600, device)  # a job's root has no nodes of disks
    try:
        mount(node, f"{home}/lower", "squashfs", MS_RDONLY | MS_NOSUID | MS_NODEV, "")
    finally:
        os.unlink(node)


def _mount_overlay(target: str, home: str, account: Account | None) -> None:
    upper = f"{home}/upper"
    if account is not None:
        os.chown(upper, account.uid, account.gid)  # the mounted tree's own root shows the upper one's owner
    options = f"lowerdir={home}/lower,upperdir={upper},workdir={home}/work,volatile"
    mount("overlay", target, "overlay", MS_NODEV, options)


def _find_disk(serial: str) -> str:
    for name in os.listdir(_BLOCK_DEVICES):
        try:
            with open(f"{_BLOCK_DEVICES}/{name}/serial", encoding="ascii") as file:
                if file.read().strip() == serial:
                    return f"/dev/{name}"
        except OSError:
            continue
    raise OSError(6, "no disk has this serial", serial)
