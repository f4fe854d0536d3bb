"""What a VMM and its guest's serial console say, kept within bounds."""

from __future__ import annotations

import os
import re
from contextlib import suppress
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

_TAIL_BYTES = 8 * 1024
_FILE_BYTES = 1024 * 1024
_CONTROL = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]|[\x00-\x08\x0b-\x1f\x7f]")


_FATAL = re.compile(r"Kernel panic|BUG:|Oops|Out of memory")


class Console:
    """A pipe's reading end: the last lines in memory, the first megabyte in a file for whoever looks."""

    def __init__(self, fd: int, log: Path | None = None) -> None:
        """Own `fd`, which must be non-blocking; write to `log` if given and it can be written."""
        self.fd = fd
        self._tail = b""
        self._log_fd = -1
        if log is not None:
            with suppress(OSError):  # a log that cannot be written is not worth a VM
                self._log_fd = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        self._room = _FILE_BYTES

    def read_nowait(self) -> bool:
        """Take what is there; false at the end of the pipe."""
        try:
            data = os.read(self.fd, 65536)
        except BlockingIOError:
            return True
        self._tail = (self._tail + data)[-_TAIL_BYTES:]
        self._write(data[: self._room])
        return bool(data)

    def last_lines(self, count: int = 12) -> list[str]:
        """Give the last lines, control sequences taken out, and before them what a kernel dies of."""
        text = _CONTROL.sub("", self._tail.decode(errors="replace"))
        lines = [line.rstrip() for line in text.splitlines() if line.strip()]
        return [line for line in lines[:-count] if _FATAL.search(line)] + lines[-count:]

    def close(self) -> None:
        """Close both descriptors; may be called again."""
        for fd in {self.fd, self._log_fd} - {-1}:
            os.close(fd)
        self.fd = self._log_fd = -1

    def _write(self, data: bytes) -> None:
        if self._log_fd == -1 or not data:
            return
        self._room -= len(data)
        with suppress(OSError):
            os.write(self._log_fd, data)
