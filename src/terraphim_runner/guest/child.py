"""What a command is to become, and how a process becomes it that was forked for it.

The agent catches every signal that Python or its parent ignores, and blocks none: exec then gives the command the
default for all of them. All descriptors of the agent close on exec.
"""

from __future__ import annotations

import os
from errno import ENOENT, ENOTDIR

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import NoReturn

    from terraphim_runner.guest.account import Account

_DEFAULT_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


class Child:
    """Everything the new process must become."""

    def __init__(
        self, argv: tuple[str, ...], env: tuple[tuple[str, str], ...], cwd: str, account: Account | None
    ) -> None:
        """Take what to run, and as whom, if not as the agent's user."""
        self.argv = argv
        self.env = env
        self.cwd = cwd
        self.account = account
        self.streams = (-1, -1, -1)
        self.has_input = False  # whether somebody waits for it to start, to talk to it

    @property
    def programs(self) -> list[str]:
        """Where the program may be: the first of these that is there is it."""
        name = self.argv[0]
        if "/" in name:
            return [name]
        path = dict(self.env).get("PATH", _DEFAULT_PATH)
        return [os.path.join(directory, name) for directory in path.split(":")]

    def refusal(self, numbers: Sequence[int]) -> OSError:
        """Tell why none of the programs runs: from the error number of each."""
        name = self.argv[0]
        told = [number for number in numbers if number not in (ENOENT, ENOTDIR)] or numbers
        if told is numbers and "/" not in name:
            return FileNotFoundError(ENOENT, "no such program", name)
        return OSError(told[0], os.strerror(told[0]), name)

    def become(self, failure_fd: int) -> NoReturn:
        """Turn this process, the agent's user's, into the command; a failure is written to `failure_fd`."""
        try:
            self._prepare()
            self._execute()
        except OSError as exc:
            name = exc.filename if isinstance(exc.filename, str) else os.fsdecode(exc.filename or self.argv[0])
            _report(failure_fd, exc.errno or 0, f"{name}: {exc.strerror}")
        except Exception as exc:  # a null byte, no memory: whatever it is, the command has not started
            _report(failure_fd, 0, str(exc) or type(exc).__name__)
        finally:
            os._exit(127)

    def _prepare(self) -> None:
        os.setsid()
        for stream, fd in enumerate(self.streams):
            os.dup2(fd, stream)
        os.chdir(self.cwd)

    def _execute(self) -> None:
        results = []
        for program in self.programs:
            try:
                os.execve(program, self.argv, dict(self.env))
            except OSError as exc:
                results.append(exc.errno or 0)
        raise self.refusal(results)


def _report(failure_fd: int, number: int, text: str) -> None:
    os.write(failure_fd, number.to_bytes(4, "little") + os.fsencode(text)[:2000])
