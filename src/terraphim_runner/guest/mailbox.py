"""Work trees that the host writes as a squashfs on a disk of their own."""

from __future__ import annotations

import os
import shutil

from terraphim_runner.guest.file_transfer import make_empty_directory
from terraphim_runner.guest.kernel import MS_NODEV, MS_NOSUID, MS_RDONLY, flush_block_device, mount, unmount

TYPE_CHECKING = False
if TYPE_CHECKING:
    from terraphim_runner.guest.account import Account

_BLOCK_DEVICES = "/sys/block"
_LOWER = "/run/terraphim-runner/mailbox"
_UPPER = "/var/lib/terraphim-runner/mailbox"  # on the root disk: changes must outgrow memory


class Mailbox:
    """The mailbox's tree, if it is mounted."""

    def __init__(self) -> None:
        """Start with nothing mounted."""
        self._target: str | None = None

    def mount(self, serial: str, target: str, account: Account | None) -> None:
        """Give the disk's squashfs as a writable tree; what changes goes to the root disk.

        Raises:
            OSError: there is no such disk, it holds no squashfs, a tree is mounted already.
        """
        if self._target is not None:
            raise OSError(16, "the mailbox is mounted already", self._target)
        device = _find_disk(serial)
        make_empty_directory(target, account)
        flush_block_device(device)
        os.makedirs(_LOWER, exist_ok=True)
        mount(device, _LOWER, "squashfs", MS_RDONLY | MS_NOSUID | MS_NODEV, "")
        try:
            _mount_overlay(target, account)
        except OSError:
            unmount(_LOWER)
            raise
        self._target = target

    def release(self) -> None:
        """Unmount the tree and drop its changes, so that the host may write the disk again.

        Raises:
            OSError: somebody uses it.
        """
        if self._target is not None:
            unmount(self._target)
            self._target = None
            unmount(_LOWER)
            shutil.rmtree(_UPPER)


def _mount_overlay(target: str, account: Account | None) -> None:
    upper, work = f"{_UPPER}/upper", f"{_UPPER}/work"
    os.makedirs(upper)
    os.makedirs(work)
    if account is not None:
        os.chown(upper, account.uid, account.gid)  # the mounted tree's own root shows the upper one's owner
    options = f"lowerdir={_LOWER},upperdir={upper},workdir={work},volatile"
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
