"""Output in a thread of its own, so that a slow reader never holds up a run."""

from __future__ import annotations

import threading
import time
from typing import BinaryIO, Protocol

from terraphim_runner.cli.spool import Spool

_FRAME_INTERVAL_S = 0.1


class Painter(Protocol):
    """Draws something below the lines that scroll by. Called from the writer's thread only."""

    def paint(self, lines: bytes, *, is_last: bool) -> bytes:
        """Give what removes the last drawing, then `lines`, then the drawing as it is now.

        The last call draws nothing and leaves the terminal as it was found.
        """
        ...


class Writer:
    """Writes lines to `stream` in order. `write` returns at once, however slow the reader is, and loses nothing.

    Where nothing can be written any more, as the reader went away, the rest is dropped; `failure` says why.
    """

    def __init__(self, stream: BinaryIO, painter: Painter | None = None) -> None:
        """Start the thread."""
        self._stream = stream
        self._painter = painter
        self._spool = Spool()
        self._changed = threading.Condition()
        self._is_closing = False
        self.failure: Exception | None = None
        self._thread = threading.Thread(target=self._run, name="output", daemon=True)
        self._thread.start()

    @property
    def is_broken(self) -> bool:
        """Whether writing failed."""
        return self.failure is not None

    def write(self, text: str) -> None:
        """Queue whole lines."""
        data = text.encode("utf-8", errors="replace")
        with self._changed:
            if not self.is_broken and data:
                self._spool.put(data)
                self._changed.notify()

    def close(self) -> None:
        """Wait until everything is written; the drawing is erased."""
        with self._changed:
            self._is_closing = True
            self._changed.notify()
        self._thread.join()
        self._spool.clear()

    def _run(self) -> None:
        try:
            self._write_all()
        except (OSError, ValueError) as error:  # the reader is gone; ValueError: the stream was closed
            with self._changed:
                self.failure = error
                self._spool.clear()

    def _write_all(self) -> None:
        due_s = 0.0
        is_last = False
        while not is_last:
            data, is_last = self._next(due_s)
            if self._painter is not None:
                data = self._painter.paint(data, is_last=is_last)
            self._stream.write(data)
            self._stream.flush()
            due_s = time.monotonic() + _FRAME_INTERVAL_S

    def _next(self, due_s: float) -> tuple[bytes, bool]:
        with self._changed:
            if self._painter is None:
                self._changed.wait_for(lambda: self._spool or self._is_closing)
            else:  # gather what comes until the next drawing is due, unless it is a flood
                patience_s = max(due_s - time.monotonic(), 0)
                self._changed.wait_for(lambda: self._spool.is_long or self._is_closing, patience_s)
            data = self._spool.take()
            return data, self._is_closing and not self._spool
