"""The event loop: file descriptors, timers and ended children, one after the other in one thread."""

from __future__ import annotations

import _signal  # type: ignore[import-not-found]  # `signal` costs 4 ms at boot, for `enum`
import os
from select import EPOLLIN, epoll
from time import monotonic

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable


class Timer:
    """A call that is due at a moment, unless cancelled."""

    __slots__ = ("call", "due", "is_cancelled")

    def __init__(self, due: float, call: Callable[[], None]) -> None:
        """Take the moment, on the monotonic clock."""
        self.due = due
        self.call = call
        self.is_cancelled = False

    def cancel(self) -> None:
        """Make sure that the call is not made."""
        self.is_cancelled = True


def _due(timer: Timer) -> float:
    return timer.due


class Loop:
    """Calls whoever has something to do. An error in a call goes to `on_error`, and the loop goes on."""

    def __init__(self, on_error: Callable[[Exception], None]) -> None:
        """Take over SIGCHLD and the wake-up descriptor of this process."""
        self.is_running = True
        self._on_error = on_error
        self._epoll = epoll()
        self._watchers: dict[int, Callable[[int], None]] = {}
        self._timers: list[Timer] = []  # the one that is due next first
        self._soon: list[Callable[[], None]] = []
        self._children: dict[int, Callable[[int], None]] = {}
        self._wake_fd, wake_write = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        _signal.set_wakeup_fd(wake_write, warn_on_full_buffer=False)
        _signal.signal(_signal.SIGCHLD, lambda *_: None)
        self.watch(self._wake_fd, EPOLLIN, self._reap)

    def watch(self, fd: int, events: int, call: Callable[[int], None]) -> None:
        """Call when something happens on a descriptor."""
        self._epoll.register(fd, events)
        self._watchers[fd] = call

    def forget(self, fd: int) -> None:
        """Watch a descriptor no more; before it is closed, for a child may still hold a copy."""
        if self._watchers.pop(fd, None) is not None:
            self._epoll.unregister(fd)

    def call_soon(self, call: Callable[[], None]) -> None:
        """Call after what is being handled now."""
        self._soon.append(call)

    def call_later(self, seconds: float, call: Callable[[], None]) -> Timer:
        """Call in a while."""
        timer = Timer(monotonic() + seconds, call)
        is_last = not self._timers or self._timers[-1].due <= timer.due
        self._timers.append(timer)
        if not is_last:
            self._timers.sort(key=_due)
        return timer

    def watch_child(self, pid: int, call: Callable[[int], None]) -> None:
        """Call with its wait status when a child of this process has ended."""
        self._children[pid] = call

    @property
    def has_children(self) -> bool:
        """Tell whether a watched child still runs."""
        return bool(self._children)

    def run(self) -> None:
        """Run until `is_running` is false."""
        while self.is_running:
            self.turn()

    def turn(self) -> None:
        """Wait for something to happen, and handle it."""
        for fd, events in self._epoll.poll(self._timeout()):
            watcher = self._watchers.get(fd)
            if watcher is not None:
                self._guard(watcher, events)
        soon, self._soon = self._soon, []
        for call in soon:
            self._guard(call)
        if self._timers:
            self._run_timers()

    def _timeout(self) -> float:
        if self._soon:
            return 0
        if not self._timers:
            return -1
        left = self._timers[0].due - monotonic()
        return left if left > 0 else 0  # noqa: FURB136 - `max` is 60 blocks of code that is cold in a clone

    def _run_timers(self) -> None:
        now = monotonic()
        while self._timers and self._timers[0].due <= now:
            timer = self._timers.pop(0)
            if not timer.is_cancelled:
                self._guard(timer.call)

    def _reap(self, _: int) -> None:
        try:  # noqa: SIM105 - contextlib costs boot time
            os.read(self._wake_fd, 4096)
        except BlockingIOError:
            pass
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return
            if pid == 0:
                return
            call = self._children.pop(pid, None)
            if call is not None:  # else an orphan that was handed to this process
                self._guard(call, status)

    def _guard(self, call: Callable[..., None], *values: int) -> None:
        try:
            call(*values)
        except Exception as exc:
            self._on_error(exc)
