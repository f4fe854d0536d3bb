"""A command and everything it started: to start, to signal, to kill as one."""

from __future__ import annotations

import _signal  # type: ignore[import-not-found]  # `signal` costs 4 ms at boot, for `enum`
import os
from select import EPOLLIN

from terraphim_runner.guest.kernel import MS_NODEV, MS_NOEXEC, MS_NOSUID, MS_REMOUNT, mount
from terraphim_runner.guest.place import CGROUPS
from terraphim_runner.guest.spawn import Birth, joining
from terraphim_runner.guest.supervisor import KILL_ALL, Supervisor

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from terraphim_runner.guest.child import Child
    from terraphim_runner.guest.loop import Loop
    from terraphim_runner.guest.place import Place
    from terraphim_runner.guest.spawn import Call

_START_S = 0.025
_SILENT_START_S = 0.1  # of a command that nobody is waiting to talk to
_RETRY_S = 0.002
_RETRY_MOST_S = 0.2


class ProcessTree:
    """What an execution needs of a tree."""

    def start(self, child: Child, on_start: Callable[[], None], on_exit: Callable[[int], None]) -> int:
        """Start a process that becomes the child; give the number of one that stands for the tree.

        `on_start` is called when `has_started` may know more, `on_exit` with the command's wait status.

        Raises:
            OSError: no process can be made; nothing is left.
            ValueError: a text holds a null character.
        """
        raise NotImplementedError

    def has_started(self) -> bool:
        """Tell whether the command runs, or has run; false: it is not known yet. Once it has ended it is known.

        Raises:
            OSError: it could not be started.
        """
        raise NotImplementedError

    def signal(self, number: int) -> None:
        """Signal every process of the tree."""
        raise NotImplementedError

    def kill(self, on_gone: Callable[[], None]) -> None:
        """Kill every process of the tree, and call when none is left."""
        raise NotImplementedError


class CgroupTree(ProcessTree):
    """A tree in a cgroup of its own; for PID 1, which gets the orphans."""

    def __init__(self, loop: Loop, place: Place) -> None:
        """Take where the command is to run."""
        self._loop = loop
        self._place = place
        self._path = ""
        self._birth: Birth | None = None
        self._on_start: Callable[[], None] = _ignore
        self._on_exit: Callable[[int], None] = _ignore
        self._look_s = _START_S
        self._wait_s = _RETRY_S

    def start(self, child: Child, on_start: Callable[[], None], on_exit: Callable[[int], None]) -> int:
        """Start it in a cgroup."""
        is_spare = self._place.has_spare
        try:
            birth = self._bear(child)
        except OSError:
            if not is_spare:
                raise
            birth = self._bear(child)  # whoever is root in a job could remove the cgroup that waited, or change it
        self._birth = birth
        self._on_start, self._on_exit = on_start, on_exit
        self._look_s = _START_S if child.has_input else _SILENT_START_S
        self._loop.watch_child(birth.pid, self._end)
        # Not at once: under emulation, waking up for it in the middle of an exec costs some 3 ms.
        self._loop.call_later(self._look_s, self._look)
        return birth.pid

    def _bear(self, child: Child) -> Birth:
        name, group = self._place.take_group()
        self._path = f"{self._place.cgroup}/{name}"
        try:
            return _bear_in(group, child, self._place.first_calls)
        except (OSError, ValueError):
            self._place.drop_group(name)
            raise
        finally:
            os.close(group)

    def _look(self) -> None:
        self._on_start()
        if self._birth is not None and not self._birth.is_over:
            self._loop.call_later(self._look_s, self._look)

    def _end(self, status: int) -> None:
        self._on_exit(status)
        if self._birth is not None:
            self._birth.release()
            self._birth = None
        self._loop.call_soon(self._place.prepare_group)

    def has_started(self) -> bool:
        """Look at the memory that the agent and the command's process share before it starts."""
        if self._birth is None or not self._birth.is_over:
            return False
        if self._birth.has_failed:
            raise self._birth.failure()
        return True

    def signal(self, number: int) -> None:
        """Signal every process of the cgroup and those below it."""
        if number == _signal.SIGKILL:
            try:  # noqa: SIM105 - contextlib costs boot time
                _write(f"{self._path}/cgroup.kill", b"1")
            except FileNotFoundError:
                pass  # its root is being closed
            return
        for directory in _walk(self._path):
            for pid in _read(f"{directory}/cgroup.procs").split():
                try:  # noqa: SIM105 - contextlib costs boot time
                    os.kill(int(pid), number)
                except OSError:
                    pass

    def kill(self, on_gone: Callable[[], None]) -> None:
        """Kill, and remove the cgroup."""
        if remove_cgroup(self._path):
            on_gone()
            return
        _write(f"{self._path}/cgroup.kill", b"1")
        self._loop.call_later(self._wait_s, lambda: self.kill(on_gone))
        self._wait_s = min(self._wait_s * 2, _RETRY_MOST_S)


def _ignore(_: int = 0) -> None:
    """Do nothing."""


def _bear_in(group: int, child: Child, calls: tuple[Call, ...]) -> Birth:
    """Start the process in a cgroup; where there may be no more processes it joins those that are there."""
    try:
        return Birth(child, group, calls)
    except BlockingIOError:
        members = os.open("cgroup.procs", os.O_WRONLY | os.O_CLOEXEC, dir_fd=group)
        try:
            return Birth(child, -1, (joining(members), *calls))
        finally:
            os.close(members)


class SupervisedTree(ProcessTree):
    """A tree below a process of its own."""

    def __init__(self, loop: Loop) -> None:
        """Start with nothing."""
        self._loop = loop
        self._orders_fd = -1
        self._report_fd = -1
        self._failure_fd = -1
        self._on_exit: Callable[[int], None] | None = None
        self._on_gone: Callable[[], None] | None = None
        self._is_gone = False

    def start(self, child: Child, on_start: Callable[[], None], on_exit: Callable[[int], None]) -> int:
        """Fork the supervisor, which forks the command."""
        theirs: list[int] = []
        try:
            self._open_pipes(theirs)
            pid = os.fork()
            if pid == 0:
                _supervise(theirs, child)
        except OSError:
            _close(self._orders_fd, self._report_fd, self._failure_fd)
            raise
        finally:
            _close(*theirs)
        self._on_exit = on_exit
        self._loop.watch(self._report_fd, EPOLLIN, self._take_report)
        self._loop.watch(self._failure_fd, EPOLLIN, lambda _: on_start())
        self._loop.watch_child(pid, self._take_end)
        return pid

    def _open_pipes(self, theirs: list[int]) -> None:
        orders_read, self._orders_fd = os.pipe2(os.O_CLOEXEC)
        theirs.append(orders_read)
        self._report_fd, report_write = os.pipe2(os.O_CLOEXEC | os.O_NONBLOCK)
        theirs.append(report_write)
        self._failure_fd, failure_write = os.pipe2(os.O_CLOEXEC)
        os.set_blocking(self._failure_fd, False)
        theirs.append(failure_write)

    def has_started(self) -> bool:
        """Read what the command's process says of its failure: nothing, if it became the command."""
        if self._failure_fd < 0:
            return True
        try:
            failure = os.read(self._failure_fd, 4096)
        except BlockingIOError:
            return False
        self._forget_failure()
        if failure:
            raise OSError(int.from_bytes(failure[:4], "little"), os.fsdecode(failure[4:]))
        return True

    def _forget_failure(self) -> None:
        if self._failure_fd >= 0:
            self._loop.forget(self._failure_fd)
            _close(self._failure_fd)
            self._failure_fd = -1

    def signal(self, number: int) -> None:
        """Have the supervisor signal every process."""
        self._order(number)

    def kill(self, on_gone: Callable[[], None]) -> None:
        """Have the supervisor kill every process, and end."""
        if self._is_gone:
            on_gone()
            return
        self._on_gone = on_gone
        self._order(KILL_ALL)

    def _order(self, order: int) -> None:
        if not self._is_gone:
            try:  # noqa: SIM105 - contextlib costs boot time
                os.write(self._orders_fd, bytes((order,)))
            except OSError:
                pass  # it has just ended

    def _take_report(self, _: int) -> None:
        try:
            report = os.read(self._report_fd, 4)
        except BlockingIOError:
            return
        if len(report) < 4:
            self._loop.forget(self._report_fd)
        elif self._on_exit is not None:
            on_exit, self._on_exit = self._on_exit, None
            on_exit(int.from_bytes(report, "little"))

    def _take_end(self, _: int) -> None:
        self._take_report(0)
        self._is_gone = True
        self._forget_failure()
        self._loop.forget(self._report_fd)
        _close(self._orders_fd, self._report_fd)
        if self._on_gone is not None:
            self._on_gone()
        elif self._on_exit is not None:
            raise ChildProcessError("the supervisor of a command was killed; how the command ended is unknown")


def _supervise(fds: list[int], child: Child) -> None:
    try:
        Supervisor(*fds).run(child)
    finally:
        os._exit(0)


def can_use_cgroups() -> bool:
    """Tell whether this process may make cgroups of version 2 and is the one that orphans are handed to."""
    return os.getpid() == 1 and os.access(f"{CGROUPS}/cgroup.procs", os.W_OK)


def remove_cgroup(path: str) -> bool:
    """Remove a cgroup and those below it; false if there are still processes in it."""
    try:
        for directory in reversed(_walk(path)):
            os.rmdir(directory)
    except FileNotFoundError:
        return True
    except OSError:
        return False
    return True


def make_joining_cheap() -> None:
    """Let processes move between cgroups without waiting for every processor: 1 ms instead of 10 per command.

    And let nobody in a cgroup namespace change that namespace's own limits.
    """
    flags = MS_REMOUNT | MS_NOSUID | MS_NODEV | MS_NOEXEC
    try:  # noqa: SIM105 - contextlib costs boot time
        mount("cgroup2", CGROUPS, "cgroup2", flags, "nsdelegate,favordynmods")
    except OSError:
        pass  # a kernel before 6.0


def _walk(path: str) -> list[str]:
    directories = [path]
    for directory in directories:
        try:
            with os.scandir(directory) as entries:
                directories += [entry.path for entry in entries if entry.is_dir(follow_symlinks=False)]
        except FileNotFoundError:
            pass
    return directories


def _write(path: str, content: bytes) -> None:
    fd = os.open(path, os.O_WRONLY | os.O_CLOEXEC)
    try:
        os.write(fd, content)
    finally:
        os.close(fd)


def _read(path: str) -> bytes:
    try:
        with open(path, "rb") as file:
            return file.read()
    except OSError:
        return b""


def _close(*fds: int) -> None:
    for fd in fds:
        if fd >= 0:
            os.close(fd)
