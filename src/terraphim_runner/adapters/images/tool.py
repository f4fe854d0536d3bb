"""Run the host's tools: output to the build's log, faults as our errors, nothing left running."""

from __future__ import annotations

import contextlib
import errno
import functools
import os
import shutil
import signal
import subprocess
from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING

from terraphim_runner.domain.errors import HostDiskFull, HostError, InfraError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

_PACKAGE_OF = {
    "mmdebstrap": "mmdebstrap",
    "mke2fs": "e2fsprogs",
    "newuidmap": "uidmap",
    "pip3": "python3-pip",
    "setpriv": "util-linux",
    "tar": "tar",
}
_TAIL_LINES = 12
_GRACE_S = 20
_OWN_NAMESPACE = ("unshare", "--pid", "--fork", "--kill-child", "--mount-proc", "--")
_NETWORK_FAULTS = (
    "Temporary failure resolving",
    "Could not connect",
    "Failed to fetch",
    "Could not resolve",
    "Retrying (",
)


class ToolFailed(InfraError):
    """A tool of the image build failed."""

    def __init__(self, tool: str, status: int, tail: Sequence[str]) -> None:
        """Keep the last lines the tool wrote."""
        super().__init__("\n".join([f"{tool} failed with exit status {status}:", *(f"  {line}" for line in tail)]))
        self.tail = tuple(tail)

    def with_log(self, log: Path) -> InfraError:
        """Give the error for the operator, who may want to read more."""
        advice = "Check the network and apt's mirrors. " if self._is_network_fault() else ""
        return InfraError(str(self), hint=f"{advice}The whole log: {log}")

    def _is_network_fault(self) -> bool:
        return any(fault in line for fault in _NETWORK_FAULTS for line in self.tail)


def require(*tools: str, search_path: str | None = None) -> None:
    """Check that the tools are on this machine, or in the directories of `search_path`.

    Raises:
        HostError: some are not; the hint is the command that installs all that are missing.
    """
    missing = [tool for tool in tools if shutil.which(tool, path=search_path or _search_path()) is None]
    if missing:
        packages = sorted({_PACKAGE_OF[tool] for tool in missing})
        raise HostError(
            f"building an image needs {' and '.join(missing)}, which this machine lacks",
            hint=f"sudo apt-get install {' '.join(packages)}",
        )


@contextlib.contextmanager
def full_disk_reported(directory: Path) -> Iterator[None]:
    """Turn the system's "no space left" into our error."""
    try:
        yield
    except OSError as exc:
        if exc.errno in {errno.ENOSPC, errno.EDQUOT}:
            raise disk_full(directory) from exc
        raise


@contextlib.contextmanager
def access_reported(directory: Path) -> Iterator[None]:
    """Turn the system's refusal to let this user at the images into our error."""
    try:
        yield
    except OSError as exc:
        if exc.errno in {errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOTDIR, errno.EEXIST}:
            raise HostError(
                f"cannot use {directory}: {exc.strerror}", hint="Set data_dir to a directory of yours."
            ) from exc
        raise


def disk_full(directory: Path) -> HostDiskFull:
    """Make the error that says where space is missing."""
    return HostDiskFull(
        f"no space left for an image in {directory}", hint="Free some space, or set another data_dir."
    )


@dataclass(frozen=True, slots=True)
class Toolbox:
    """Runs tools for one build.

    `enter` is put before commands that must own the guest's tree. `held` are descriptors of locks that stay
    taken until the last process of a tool is gone, even if we are not there to see it.
    """

    log: Path
    enter: tuple[str, ...] = ()
    held: tuple[int, ...] = ()

    def run(
        self,
        argv: Sequence[str],
        *,
        on_line: Callable[[str], None] | None = None,
        pass_fds: Sequence[int] = (),
        environment: dict[str, str] | None = None,
    ) -> None:
        """Run a tool to its end, calling `on_line` for each line it writes.

        The tool and all it started end with the thread that called this, however that ends.

        Raises:
            ToolFailed: its exit status is not 0.
            HostDiskFull: because the disk is full.
        """
        tail: deque[str] = deque(maxlen=_TAIL_LINES)
        with self.log.open("ab") as log, self._started(argv, pass_fds, environment or {}) as process:
            for raw in process.stdout or ():
                log.write(raw)
                line = raw.decode(errors="replace").rstrip()
                tail.append(line)
                if on_line is not None:
                    on_line(line)
        self._check(argv, process.returncode, tail)

    def run_inside(self, argv: Sequence[str], *, pass_fds: Sequence[int] = ()) -> None:
        """Run a tool as the owner of the guest's tree."""
        self.run([*self.enter, *argv], pass_fds=pass_fds)

    def filter_inside(self, argv: Sequence[str], data: bytes) -> bytes:
        """Feed `data` to a tool run as the owner of the guest's tree, and give what it writes."""
        command = [*_tied_to_us(), *self.enter, *argv]
        done = subprocess.run(
            command, input=data, capture_output=True, env=_environment({}), pass_fds=self.held, check=False
        )
        self._check(argv, done.returncode, done.stderr.decode(errors="replace").splitlines()[-_TAIL_LINES:])
        return done.stdout

    def _check(self, argv: Sequence[str], status: int, tail: Sequence[str]) -> None:
        if status == 0:
            return
        if any("No space left on device" in line for line in tail):
            raise disk_full(self.log.parent)
        raise ToolFailed(argv[0], status, tail)

    @contextlib.contextmanager
    def _started(
        self, argv: Sequence[str], pass_fds: Sequence[int], environment: dict[str, str]
    ) -> Iterator[subprocess.Popen[bytes]]:
        process = subprocess.Popen(
            [*_tied_to_us(), *argv],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            env=_environment(environment),
            pass_fds=(*pass_fds, *self.held),
            start_new_session=True,  # Ctrl-C reaches us, and we stop the tool in good order
        )
        with process:
            try:
                yield process
            except BaseException:
                _stop(process)
                raise


def _tied_to_us() -> tuple[str, ...]:
    tied = ("setpriv", "--pdeathsig", "KILL", "--")
    return (*tied, *_OWN_NAMESPACE) if _can_have_own_namespace() else (*tied[:2], "TERM", "--")


@functools.cache
def _can_have_own_namespace() -> bool:
    # A package's script may leave anything running, and mmdebstrap waits for its children when told to end. Root
    # has a way to be rid of them all; for others mmdebstrap makes such a namespace itself.
    if os.geteuid() != 0:
        return False
    return subprocess.run([*_OWN_NAMESPACE, "true"], capture_output=True, check=False).returncode == 0


def _stop(process: subprocess.Popen[bytes]) -> None:
    # A namespace of our own falls as a whole. Without one, mmdebstrap must be given time to end its children.
    signals = (signal.SIGKILL,) if _can_have_own_namespace() else (signal.SIGTERM, signal.SIGKILL)
    for number in signals:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, number)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(_GRACE_S)
            return


def _environment(extra: dict[str, str]) -> dict[str, str]:
    return {**os.environ, "PATH": _search_path(), "LC_ALL": "C.UTF-8", **extra}


def _search_path() -> str:
    # mke2fs and chroot are not on an ordinary user's PATH
    return f"{os.environ.get('PATH', os.defpath)}:/usr/local/sbin:/usr/sbin:/sbin"
