"""One process between the agent and a command, where there are no cgroups.

It is a subreaper: whatever the command starts stays below it, however it forks or changes sessions. Its end tells
the agent that nothing is left. When the agent dies it kills what is below it.
"""

from __future__ import annotations

import _signal  # type: ignore[import-not-found]  # `signal` costs 4 ms at boot, for `enum`
import os
from select import POLLIN, poll

from terraphim_runner.guest.kernel import become_subreaper
from terraphim_runner.guest.process_table import find_descendants, send_signal

TYPE_CHECKING = False
if TYPE_CHECKING:
    from terraphim_runner.guest.child import Child

KILL_ALL = 255  # a command byte; every other is the number of a signal

_KILL_INTERVAL_MS = 10


class Supervisor:
    """Reaps, reports and kills, until nothing is left."""

    def __init__(self, orders_fd: int, report_fd: int, failure_fd: int) -> None:
        """Take the pipe with the agent's orders, those for the command's wait status and for why there is none."""
        self._orders_fd = orders_fd
        self._report_fd = report_fd
        self._failure_fd = failure_fd
        self._main_pid = 0
        self._is_killing = False
        self._wake_fd, wake_write = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        _signal.set_wakeup_fd(wake_write, warn_on_full_buffer=False)
        self._keep = {orders_fd, report_fd, self._wake_fd, wake_write}

    def run(self, child: Child) -> None:
        """Start the command and stay until its tree is gone."""
        os.setsid()
        become_subreaper()
        for number in (_signal.SIGTERM, _signal.SIGINT, _signal.SIGHUP, _signal.SIGCHLD):
            _signal.signal(number, lambda *_: None)
        self._main_pid = os.fork()
        if self._main_pid == 0:
            child.become(self._failure_fd)
        self._close_others()
        self._stay()

    def _close_others(self) -> None:
        low = 3
        for fd in sorted(self._keep):
            os.closerange(low, fd)
            low = fd + 1
        os.closerange(low, os.sysconf("SC_OPEN_MAX"))

    def _stay(self) -> None:
        poller = poll()
        poller.register(self._orders_fd, POLLIN)
        poller.register(self._wake_fd, POLLIN)
        while self._reap():
            if self._is_killing and not self._kill():
                return
            for fd, _ in poller.poll(_KILL_INTERVAL_MS if self._is_killing else None):
                if fd == self._wake_fd:
                    os.read(fd, 4096)
                elif not self._obey():
                    poller.unregister(fd)

    def _reap(self) -> bool:
        try:
            while True:
                pid, status = os.waitpid(-1, os.WNOHANG)
                if pid == 0:
                    return True
                if pid == self._main_pid:
                    self._report(status)
        except ChildProcessError:
            return False

    def _report(self, status: int) -> None:
        try:  # noqa: SIM105 - contextlib costs boot time
            os.write(self._report_fd, status.to_bytes(4, "little"))
        except OSError:
            pass  # the agent is gone

    def _obey(self) -> bool:
        orders = os.read(self._orders_fd, 64)
        if not orders or KILL_ALL in orders:
            self._is_killing = True
        else:
            for number in orders:
                for process in find_descendants(os.getpid()):
                    send_signal(process, number)
        return bool(orders)

    def _kill(self) -> bool:
        """Kill all there are now; false if none may be killed: then nothing can be done.

        Whole process groups first: no fork can slip through that, and in a chain of processes that each fork the
        next and exit, nobody lives long enough to be killed by number. Then stop all, so that none can fork.
        """
        found = find_descendants(os.getpid())
        for group in {process.group for process in found} - {os.getpgrp(), 0}:
            _kill_group(group)
        alive = [process for process in found if not process.is_zombie]
        for process in alive:
            send_signal(process, _signal.SIGSTOP)
        allowed = [send_signal(process, _signal.SIGKILL) for process in alive]
        return any(allowed) or not alive


def _kill_group(group: int) -> None:
    try:  # noqa: SIM105 - contextlib costs boot time
        os.killpg(group, _signal.SIGKILL)
    except OSError:
        pass  # gone, or none of it may be killed
