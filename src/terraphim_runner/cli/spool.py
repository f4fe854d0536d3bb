"""A queue of whole lines that takes bounded memory: what is too much for that waits in a file."""

from __future__ import annotations

import tempfile
from collections import deque
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from io import FileIO

_CHUNK_BYTES = 256 * 1024


class Spool:
    """First in, first out; what is put in ends with a newline, what is taken is whole lines.

    What waits is, from the front: in memory, in the file, and, should the disk be full, in memory again, for
    nothing may be lost. Only one thread at a time may call.
    """

    def __init__(self, memory_bytes: int = 4 * 1024 * 1024) -> None:
        """Keep so much in memory; the file is made when it is needed and has no name."""
        self._memory_bytes = memory_bytes
        self._front: deque[bytes] = deque()
        self._front_size = 0
        self._file: FileIO | None = None
        self._start = self._end = 0  # of what waits in the file
        self._back: deque[bytes] = deque()

    def __bool__(self) -> bool:
        """Tell whether anything waits."""
        return bool(self._front or self._start < self._end or self._back)

    @property
    def is_long(self) -> bool:
        """Tell whether more waits than one `take` gives."""
        return self._front_size > _CHUNK_BYTES or self._start < self._end

    @property
    def bytes_in_file(self) -> int:
        """Count what had no room in memory."""
        return self._end - self._start

    def put(self, data: bytes) -> None:
        """Add lines at the end."""
        if self._back or not (self._put_in_front(data) or self._put_in_file(data)):
            self._back.append(data)

    def take(self) -> bytes:
        """Remove some lines from the front; nothing where nothing waits."""
        if self._front:
            return self._take_from_front()
        if self._start < self._end:
            return self._take_from_file()
        return self._back.popleft() if self._back else b""

    def clear(self) -> None:
        """Forget everything and let go of the file."""
        self._front.clear()
        self._back.clear()
        self._front_size = self._start = self._end = 0
        if self._file is not None:
            self._file.close()
            self._file = None

    def _put_in_front(self, data: bytes) -> bool:
        if self._start < self._end or self._front_size + len(data) > self._memory_bytes:
            return False
        self._front.append(data)
        self._front_size += len(data)
        return True

    def _put_in_file(self, data: bytes) -> bool:
        try:
            if self._file is None:
                # Unbuffered: what could not be written is not kept to be tried again. `clear` closes it.
                self._file = tempfile.TemporaryFile(buffering=0)  # noqa: SIM115
            self._file.seek(self._end)
            if self._file.write(data) != len(data):
                return False
        except OSError:
            return False
        self._end += len(data)
        return True

    def _take_from_front(self) -> bytes:
        chunk = [self._front.popleft()]
        size = len(chunk[0])
        while self._front and size + len(self._front[0]) <= _CHUNK_BYTES:
            size += len(self._front[0])
            chunk.append(self._front.popleft())
        self._front_size -= size
        return b"".join(chunk)

    def _take_from_file(self) -> bytes:
        data = self._read_lines()
        self._start += len(data)
        if self._start == self._end and self._file is not None:
            self._start = self._end = 0
            self._file.truncate(0)
        return data

    def _read_lines(self) -> bytes:
        if self._file is None:
            return b""
        size = _CHUNK_BYTES
        while True:
            self._file.seek(self._start)
            data = self._file.read(min(size, self._end - self._start))
            if (end := data.rfind(b"\n") + 1) or len(data) == self._end - self._start:
                return data[: end or len(data)]
            size *= 2  # a line longer than that
