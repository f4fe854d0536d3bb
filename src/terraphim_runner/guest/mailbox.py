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
# On a disk, the machine's or the job's: changes must outgrow memory.
_HOME = "/var/lib/terraphim-runner/mailbox"
_LOWER, _UPPER, _WORK, _DEVICE = (f"{_HOME}/{name}" for name in ("lower", "upper", "work", "device"))


class Mailbox:
    """The mailbox's tree, if it is mounted."""

    def __init__(self) -> None:
        """Start with nothing mounted."""
        self._mounted: tuple[Place, str] | None = None

    def mount(self, serial: str, place: Place, target: str, account: Account | None) -> None:
        """Give the disk's squashfs as a writable tree; what changes goes to the disk of the place.

        Raises:
            OSError: there is no such disk, it holds no squashfs, a tree is mounted already.
        """
        if self._mounted is not None:
            raise OSError(16, "the mailbox is mounted already", self._mounted[1])
        device = _find_disk(serial)
        flush_block_device(device)
        number = os.stat(device).st_rdev
        with place:
            make_empty_directory(target, account)
            _mount_squashfs(number)
            try:
                _mount_overlay(target, account)
            except OSError:
                unmount(_LOWER)
                raise
        self._mounted = place, target

    def release(self) -> None:
        """Unmount the tree and drop its changes, so that the host may write the disk again.

        Raises:
            OSError: somebody uses it, or its root is gone, and the tree with it.
        """
        if self._mounted is not None:
            place, target = self._mounted
            with place:
                unmount(target)
                unmount(_LOWER)
                shutil.rmtree(_HOME)
            self._mounted = None


def _mount_squashfs(device: int) -> None:
    for path in (_LOWER, _UPPER, _WORK):
        os.makedirs(path, exist_ok=True)
    os.mknod(_DEVICE, S_IFBLK | 0o600, device)  # a job's root has no nodes of disks
    try:
        mount(_DEVICE, _LOWER, "squashfs", MS_RDONLY | MS_NOSUID | MS_NODEV, "")
    finally:
        os.unlink(_DEVICE)


def _mount_overlay(target: str, account: Account | None) -> None:
    if account is not None:
        os.chown(_UPPER, account.uid, account.gid)  # the mounted tree's own root shows the upper one's owner
    options = f"lowerdir={_LOWER},upperdir={_UPPER},workdir={_WORK},volatile"
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
