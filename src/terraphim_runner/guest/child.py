"""What happens between fork and exec.

The agent catches every signal that Python or its parent ignores, and blocks none: exec then gives the command the
default for all of them. All descriptors of the agent close on exec. So little is left to do here, which matters:
under emulation this code is cold.
"""

from __future__ import annotations

import os

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import NoReturn

    from terraphim_runner.guest.account import Account

_NO_PRIORITY = os.sched_param(0)
_DEFAULT_PATH = b"/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


class Child:
    """Everything the new process must become."""

    def __init__(
        self, argv: list[bytes], env: dict[bytes, bytes], cwd: str, account: Account | None, *, is_machine: bool
    ) -> None:
        """Take what to run; `is_machine`: the agent is PID 1 and has privileges to give up."""
        self.argv = argv
        self.env = env
        self.cwd = cwd
        self.account = account
        self.is_machine = is_machine
        self.streams = (-1, -1, -1)
        self.failure_fd = -1

    def become(self, join: Callable[[], None] | None = None) -> NoReturn:
        """Turn this process into the command, after `join`; a failure is written to `failure_fd`."""
        try:
            if join is not None:
                join()
            self._prepare()
            self._execute()
        except OSError as exc:
            name = exc.filename if isinstance(exc.filename, str) else os.fsdecode(exc.filename or self.argv[0])
            self._report(exc.errno or 0, f"{name}: {exc.strerror}")
        except Exception as exc:  # a null byte, no memory: whatever it is, the command has not started
            self._report(0, str(exc) or type(exc).__name__)
        finally:
            os._exit(127)

    def _prepare(self) -> None:
        os.setsid()
        stdin, stdout, stderr = self.streams
        os.dup2(stdin, 0)
        os.dup2(stdout, 1)
        os.dup2(stderr, 2)
        if self.is_machine:
            _give_up_privileges()
        if self.account is not None:
            self.account.assume()
        os.chdir(self.cwd)

    def _execute(self) -> None:
        program = self.argv[0]
        if b"/" in program:
            os.execve(program, self.argv, self.env)
        refusal: OSError | None = None
        for directory in self.env.get(b"PATH", _DEFAULT_PATH).split(b":"):
            try:
                os.execve(os.path.join(directory, program), self.argv, self.env)
            except (FileNotFoundError, NotADirectoryError):
                continue
            except OSError as exc:
                refusal = refusal or exc
        raise refusal or FileNotFoundError(2, "no such program", os.fsdecode(program))

    def _report(self, number: int, text: str) -> None:
        os.write(self.failure_fd, number.to_bytes(4, "little") + os.fsencode(text)[:2000])


def _give_up_privileges() -> None:
    os.setpriority(os.PRIO_PROCESS, 0, 0)
    os.sched_setscheduler(0, os.SCHED_OTHER, _NO_PRIORITY)
