"""A pristine root for one job: made in this process, lived in by others, gone as one."""

from __future__ import annotations

import _signal  # type: ignore[import-not-found]  # `signal` costs 4 ms at boot, for `enum`
import os

from terraphim_runner.guest.activity import Activity
from terraphim_runner.guest.kernel import (
    CLONE_NEWCGROUP,
    CLONE_NEWIPC,
    CLONE_NEWNET,
    CLONE_NEWNS,
    CLONE_NEWPID,
    CLONE_NEWUTS,
    MS_NODEV,
    MS_NOEXEC,
    MS_NOSUID,
    mount,
    unshare,
)
from terraphim_runner.guest.place import CGROUPS, JobPlace, remember_home, return_home
from terraphim_runner.guest.process_tree import remove_cgroup
from terraphim_runner.guest.root_cgroup import RootCgroup
from terraphim_runner.guest.root_disk import RootDisk
from terraphim_runner.guest.root_mounts import DISK, change_root, make_stage
from terraphim_runner.guest.root_network import Addresses, Outlet
from terraphim_runner.wire.message import Usage

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from terraphim_runner.guest.loop import Loop
    from terraphim_runner.wire.message import Measure, OpenRoot

_INIT = "/usr/lib/terraphim-runner/init"
_NEW = CLONE_NEWNS | CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWNET | CLONE_NEWPID
_RETRY_S = 0.002
_RETRY_MOST_S = 0.2

_addresses = Addresses()


class JobRoot(Activity):
    """A root. Everything in it descends from, or is tied to, its first process."""

    def __init__(self, loop: Loop, name: str) -> None:
        """Make it; `name` is one that no other root of this boot has, for the cgroup.

        Raises:
            OSError: it cannot be made; nothing is left.
        """
        self._loop = loop
        self._wait_s = _RETRY_S
        self._is_over = False
        self._on_gone: Callable[[], None] | None = None
        self._address = _addresses.take()
        self._cgroup = RootCgroup(name)
        try:
            self._cgroup.make()
            self._disk = RootDisk()
            try:
                self._init = _start(self._cgroup.path, self._disk, self._address)
            except OSError:
                self._disk.close()
                raise
        except OSError:
            remove_cgroup(self._cgroup.path)
            _addresses.give_back(self._address)
            raise
        self.place = JobPlace(self._cgroup.path, self._init)
        self.place.prepare_group()
        loop.watch_child(self._init, self._take_end)

    def admit(self, request: OpenRoot) -> None:
        """Get ready for a job.

        Raises:
            OSError: its limits cannot be set.
        """
        self._cgroup.limit(request.memory, request.processes, request.sharers)

    def measure(self, request: Measure) -> Usage:
        """Tell what it has taken of the machine."""
        return Usage(request.channel, *self._cgroup.measure(), *self._disk.measure())

    def close(self, on_gone: Callable[[], None]) -> None:
        """Kill everything in it, and call when nothing of it is left."""
        self._on_gone = on_gone
        self._disk.abandon()
        if not self._is_over:
            os.kill(self._init, _signal.SIGKILL)  # the kernel kills the rest of its process namespace
        self.place.release()
        self._finish()

    def _take_end(self, _: int) -> None:
        self._is_over = True
        self._finish()

    def _finish(self) -> None:
        if not self._is_over or self._on_gone is None:
            return
        self._disk.close()
        if remove_cgroup(self._cgroup.path) and self._disk.is_gone:
            _addresses.give_back(self._address)
            self._on_gone()
        else:  # the kernel needs a moment
            self._loop.call_later(self._wait_s, self._finish)
            self._wait_s = min(self._wait_s * 2, _RETRY_MOST_S)


def _start(cgroup: str, disk: RootDisk, address: int) -> int:
    """Make namespaces, and start their first process; this process passes through them and comes back."""
    make_stage()
    remember_home()
    outlet = Outlet()
    failure, theirs = os.pipe2(os.O_CLOEXEC)
    groups = [os.open(f"{cgroup}{part}/cgroup.procs", os.O_WRONLY | os.O_CLOEXEC) for part in ("", "/init")]
    try:
        unshare(_NEW)
        try:
            outlet.connect(address)
            change_root(disk.device)
            disk.take_mount(DISK)
            pid = os.fork()
            if pid == 0:
                _become_first(groups, theirs)
        finally:
            return_home()
        os.close(theirs)
        theirs = -1
        if reason := os.read(failure, 4096):
            os.waitpid(pid, 0)
            raise OSError(5, os.fsdecode(reason), _INIT)
        return pid
    finally:
        outlet.close()
        for fd in (failure, theirs, *groups):
            if fd >= 0:
                os.close(fd)


def _become_first(groups: list[int], failure_fd: int) -> None:
    """Be the first process of the namespaces: nobody in them can kill it, and it leaves no zombies."""
    try:
        os.write(groups[0], b"0")
        unshare(CLONE_NEWCGROUP)  # its root is the cgroup joined above
        hidden = MS_NOSUID | MS_NODEV | MS_NOEXEC
        mount("proc", "/proc", "proc", hidden, "")  # here, not before: it shows the processes of who mounts it
        mount("cgroup2", CGROUPS, "cgroup2", hidden, "")
        os.write(groups[1], b"0")
        with open("/proc/self/oom_score_adj", "wb") as file:
            file.write(b"-1000")
        null = os.open("/dev/null", os.O_RDWR)
        for stream in range(3):
            os.dup2(null, stream)
        os.setsid()
        _signal.signal(_signal.SIGCHLD, _signal.SIG_IGN)
        os.execve(_INIT, [b"terraphim-runner-init"], {})
    except BaseException as exc:  # whatever it is, the root has not been made
        os.write(failure_fd, os.fsencode(str(exc))[:4000])
    finally:
        os._exit(127)
