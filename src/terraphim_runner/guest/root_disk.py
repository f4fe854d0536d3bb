"""A disk for what a job writes: a file on the machine's disk that is a file system of its own.

It has a size of its own, so that a job that fills it fills nobody else's. The file has no name and the loop device
lets go of it by itself: when the last mount goes, so does all of it, at once, however much was in it.
"""

from __future__ import annotations

import os
from fcntl import ioctl
from struct import Struct

from terraphim_runner.guest.kernel import QuietConsole

_HOME = "/var/lib/terraphim-runner"
_BLANK = f"{_HOME}/blank.ext4"  # an empty file system, to be copied
_CONTROL = "/dev/loop-control"
_CONTROL_DEVICE = os.makedev(10, 237)

_MIB = 1 << 20
_RESERVE = 64 * _MIB  # of the machine's disk, which is nobody's

_LOOP_CONFIGURE = 0x4C0A
_LOOP_CTL_GET_FREE = 0x4C82
_AUTOCLEAR, _DIRECT_IO = 4, 16
_LOOP_CONFIG = Struct("<II52xI180x64x")  # file, block size, …, flags, …

_EXT4_SHUTDOWN = 0x8004587D
_WITHOUT_FLUSH = (2).to_bytes(4, "little")

_MAKE = (
    *("mke2fs", "-q", "-F", "-t", "ext4", "-b", "4096", "-m", "0"),
    *(
        "-O",
        "^has_journal,^metadata_csum,uninit_bg,^resize_inode",
        "-E",
        "lazy_itable_init=1,nodiscard,root_owner=0:0",
    ),
)


class RootDisk:
    """A blank disk, ready to be mounted once; what is held of it here is released by `close`."""

    def __init__(self) -> None:
        """Make the file and give it a loop device.

        Raises:
            OSError: no room, or the kernel has no loop devices.
        """
        _make_blank()
        file_fd = os.open(_HOME, os.O_TMPFILE | os.O_RDWR | os.O_CLOEXEC, 0o600)
        try:
            _copy_sparse(_BLANK, file_fd)
            number = _free_loop()
            self.device = f"/dev/loop{number}"
            self._state = f"/sys/block/loop{number}/loop/backing_file"
            self._device_fd = os.open(self.device, os.O_RDWR | os.O_CLOEXEC)
            ioctl(self._device_fd, _LOOP_CONFIGURE, _LOOP_CONFIG.pack(file_fd, 0, _AUTOCLEAR | _DIRECT_IO))
        finally:
            os.close(file_fd)
        self._mount_fd = -1

    def take_mount(self, path: str) -> None:
        """Hold on to the mount at a path, in whatever namespace; the loop device is held by it now."""
        self._mount_fd = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        self._close_device()

    def measure(self) -> tuple[int, int]:
        """Give the bytes that are free, and all there are."""
        status = os.fstatvfs(self._mount_fd)
        free = status.f_bavail * status.f_frsize if status.f_favail else 0
        return free, status.f_blocks * status.f_frsize

    def abandon(self) -> None:
        """Have nothing written to it any more, what is still in memory included."""
        if self._mount_fd >= 0:
            with QuietConsole():  # the kernel finds this alarming
                ioctl(self._mount_fd, _EXT4_SHUTDOWN, _WITHOUT_FLUSH)

    def close(self) -> None:
        """Let go of it."""
        self._close_device()
        if self._mount_fd >= 0:
            os.close(self._mount_fd)
            self._mount_fd = -1

    @property
    def is_gone(self) -> bool:
        """Tell whether nobody holds it any more."""
        return not os.path.exists(self._state)

    def _close_device(self) -> None:
        if self._device_fd >= 0:
            os.close(self._device_fd)
            self._device_fd = -1


def _make_blank() -> None:
    """Make the file system to be copied, once: a share of the free disk, as many as there are processors.

    For so many jobs run at once, and all of them together must not need more than there is.
    """
    if os.path.exists(_BLANK):
        return
    os.makedirs(_HOME, mode=0o700, exist_ok=True)
    status = os.statvfs(_HOME)
    share = max(status.f_bavail * status.f_frsize - _RESERVE, _RESERVE) // (os.cpu_count() or 1)
    scratch = f"{_BLANK}.new"
    fd = os.open(scratch, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
    os.ftruncate(fd, share // _MIB * _MIB)
    os.close(fd)
    pid = os.posix_spawnp(_MAKE[0], (*_MAKE, scratch), os.environ)
    _, status_word = os.waitpid(pid, 0)
    if status_word != 0:
        raise OSError(5, "mke2fs failed", scratch)
    os.rename(scratch, _BLANK)


def _copy_sparse(path: str, target: int) -> None:
    source = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        size = os.fstat(source).st_size
        os.ftruncate(target, size)
        end = 0
        while (start := _next_data(source, end)) is not None:
            end = os.lseek(source, start, os.SEEK_HOLE)
            while start < end:
                start += os.copy_file_range(source, target, end - start, start, start)
    finally:
        os.close(source)


def _next_data(fd: int, offset: int) -> int | None:
    try:
        return os.lseek(fd, offset, os.SEEK_DATA)
    except OSError as exc:
        if exc.errno != 6:  # nothing but a hole
            raise
        return None


def _free_loop() -> int:
    try:
        control = os.open(_CONTROL, os.O_RDWR | os.O_CLOEXEC)
    except FileNotFoundError:
        os.mknod(_CONTROL, 0o20600, _CONTROL_DEVICE)
        control = os.open(_CONTROL, os.O_RDWR | os.O_CLOEXEC)  # the kernel fetches the module at this
    try:
        return ioctl(control, _LOOP_CTL_GET_FREE)
    finally:
        os.close(control)
