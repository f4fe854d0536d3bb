"""A VMM process: started confined, watched, killed for certain.

Started with vfork and exec from the event loop's thread, and only from there: the kernel sends the
parent-death signal when the *thread* that forked ends, so a VMM spawned from a worker thread would die when that
thread is retired. `Vmm.spawn` refuses to run anywhere else.
"""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
from contextlib import nullcontext
from dataclasses import dataclass
from typing import TYPE_CHECKING

import anyio

from terraphim_runner.adapters.qemu.confinement import launcher
from terraphim_runner.adapters.qemu.console import Console
from terraphim_runner.adapters.qemu.launch_program import NO_RULESET, open_launch_program
from terraphim_runner.domain.errors import HostError, StateError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from contextlib import AbstractContextManager
    from pathlib import Path

    from terraphim_runner.adapters.qemu.confinement import Confinement

KILL_TIMEOUT_S = 10.0  # for a killed process to be gone; one that waits for a broken disk may take forever


@dataclass(frozen=True, slots=True)
class ProcessMark:
    """A process, told apart from a later one with the same number."""

    pid: int
    started: str  # its start time as the kernel counts it

    @classmethod
    def of(cls, pid: int) -> ProcessMark | None:
        """Look up a live process; none if there is no such process, or only its corpse."""
        try:
            with open(f"/proc/{pid}/stat", "rb") as stat:  # noqa: PTH123 - cheaper than pathlib, on the hot path
                fields = stat.read().rpartition(b")")[2].split()
        except OSError:
            return None
        return None if fields[0] == b"Z" else cls(pid, fields[19].decode())

    @property
    def is_alive(self) -> bool:
        """Whether this very process still runs."""
        return ProcessMark.of(self.pid) == self


class Vmm:
    """A running VMM."""

    def __init__(self, process: subprocess.Popen[bytes], console: Console, mark: ProcessMark | None) -> None:
        """Use `spawn`."""
        self._process = process
        self._pidfd = os.pidfd_open(process.pid)
        self.console = console
        self.mark = mark
        self.exited = anyio.Event()

    @classmethod
    def spawn(
        cls, command: Sequence[str], *, fds: Sequence[int], limits: Confinement, log: Path | None = None
    ) -> Vmm:
        """Start `command` with `fds` inherited under their own numbers.

        Raises:
            StateError: called from a thread that has no event loop.
            HostError: a program is missing.
        """
        try:
            asyncio.get_running_loop()
        except RuntimeError:
            raise StateError("a VMM must be spawned from the event loop's thread") from None
        reader, writer = os.pipe2(os.O_CLOEXEC)
        os.set_blocking(reader, False)
        console = Console(reader, log)
        try:
            process = _start(command, fds, limits, writer)
        except BaseException:
            console.close()
            raise
        finally:
            os.close(writer)
        try:
            return cls(process, console, ProcessMark.of(process.pid))
        except BaseException:  # out of descriptors
            process.kill()
            process.wait()
            console.close()
            raise

    @property
    def pid(self) -> int:
        """The process's number."""
        return self._process.pid

    @property
    def status(self) -> int | None:
        """Its exit status, negative for a death by signal; none while it runs."""
        return self._process.returncode

    @property
    def ending(self) -> str:
        """Say how the process ended, in words."""
        code = self._process.returncode
        if code is None:
            return "still running"
        return f"killed by {signal.Signals(-code).name}" if code < 0 else f"exit status {code}"

    @property
    def evidence(self) -> str:
        """What is known about its end: status and the console's last lines."""
        lines = self.console.last_lines()
        said = "; it said:\n" + "\n".join(f"    {line}" for line in lines) if lines else ""
        return f"VMM {self.pid}: {self.ending}{said}"

    def stall(self) -> float:
        """Tell how many seconds the thread that waited most for a processor has waited, since the VMM began."""
        waits = [_waited_s(f"/proc/{self.pid}/task/{thread}/schedstat") for thread in _threads(self.pid)]
        return max(waits, default=0.0)

    async def watch(self) -> None:
        """Drain the console until the process has ended, reap it, set `exited`. Run this once, in a task."""
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(self._drain)
            await anyio.wait_readable(self._pidfd)
            tasks.cancel_scope.cancel()
        self._reap()

    def kill(self) -> None:
        """Kill it now; harmless when it has ended. `exited` follows."""
        if self._process.returncode is None:
            signal.pidfd_send_signal(self._pidfd, signal.SIGKILL)

    async def destroy(self) -> None:
        """Kill it, wait until it is gone, close what belongs to it. For when nobody watches any more.

        One that does not die is not waited for any longer: it is the slot's, which tells what is left.
        """
        self.kill()
        if not self.exited.is_set():
            with anyio.move_on_after(KILL_TIMEOUT_S):
                await anyio.wait_readable(self._pidfd)
                self._reap()
        self.close()

    def close(self) -> None:
        """Close its descriptors; may be called again."""
        self.console.close()
        if self._pidfd != -1:
            os.close(self._pidfd)
            self._pidfd = -1

    def _reap(self) -> None:
        self._process.wait()
        self.console.read_nowait()  # one read takes all that a pipe can hold
        self.exited.set()

    async def _drain(self) -> None:
        while True:
            await anyio.wait_readable(self.console.fd)
            if not self.console.read_nowait():
                return


def _threads(pid: int) -> list[str]:
    try:
        return os.listdir(f"/proc/{pid}/task")  # noqa: PTH208 - read between two steps of the event loop
    except OSError:  # it has ended
        return []


def _waited_s(schedstat: str) -> float:
    try:
        with open(schedstat, "rb") as file:  # noqa: PTH123 - read between two steps of the event loop
            return int(file.read().split()[1]) / 1e9
    except (OSError, IndexError):  # it has ended, or this kernel does not count
        return 0.0


def _start(
    command: Sequence[str], fds: Sequence[int], limits: Confinement, output: int
) -> subprocess.Popen[bytes]:
    try:
        with _ruleset(limits, fds) as ruleset, open_launch_program(os.getpid(), ruleset) as program:
            # A session of its own: Ctrl-C at the terminal is for the runner, which ends its VMs in good order.
            return subprocess.Popen(
                [*launcher(limits, program), *command],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                pass_fds=[*fds, program, *(() if ruleset == NO_RULESET else (ruleset,))],
                start_new_session=True,
            )
    except FileNotFoundError as exc:
        raise HostError(
            f"cannot start a VM: {exc.filename} is missing",
            hint="apt-get install qemu-system-x86 util-linux",
        ) from exc


def _ruleset(limits: Confinement, fds: Sequence[int]) -> AbstractContextManager[int]:
    if limits.view is None:
        return nullcontext(NO_RULESET)
    return limits.view.ruleset(fds, asks_name_servers=not limits.entrance)
