"""What went out of one VM and what was refused: a line of JSON for each, and the sums."""

from __future__ import annotations

import json
import os
from collections import Counter
from contextlib import suppress
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

from terraphim_runner.domain.usage import Blocked

if TYPE_CHECKING:
    from pathlib import Path

    from terraphim_runner.ports.clock import Clock

_MOST_BYTES = 16 << 20  # of one VM's log
_MOST_BLOCKED = 1000  # different destinations that are counted


@dataclass(frozen=True, slots=True)
class Entry:
    """One connection, flow or question, at its end; a refused one at once."""

    kind: str  # tcp | udp | dns
    verdict: str  # allowed | blocked | failed
    domain: str | None = None
    address: str | None = None
    port: int | None = None
    type: str | None = None  # of a question: A, AAAA, …
    reason: str | None = None  # why it was blocked or failed
    bytes_out: int = 0  # from the guest
    bytes_in: int = 0


class Journal:
    """The log of one VM, in a file that is cut off at 16 MiB, and what `domain.usage` wants to know."""

    def __init__(self, path: Path, clock: Clock) -> None:
        """Write to a new file `path`, which is made with its first line."""
        self.bytes_out = 0
        self.bytes_in = 0
        self.path = path
        self._clock = clock
        self._fd = -1
        self._room = _MOST_BYTES
        self._blocked: Counter[tuple[str, int | None, str | None]] = Counter()

    def count(self, *, bytes_out: int = 0, bytes_in: int = 0) -> None:
        """Add to the sums, as it happens."""
        self.bytes_out += bytes_out
        self.bytes_in += bytes_in

    def write(self, entry: Entry) -> None:
        """Log it; count it if it was refused."""
        if entry.verdict == "blocked":
            key = (entry.domain or entry.address or "", entry.port, entry.type)
            if key in self._blocked or len(self._blocked) < _MOST_BLOCKED:
                self._blocked[key] += 1
        fields = {name: value for name, value in asdict(entry).items() if value is not None}
        self._append(json.dumps({"time": self._clock.now().isoformat()} | fields) + "\n")

    def blocked(self) -> tuple[Blocked, ...]:
        """Tell what was refused how often; one look-up asks for several types, which counts once."""
        counts: dict[tuple[str, int | None], int] = {}
        for (name, port, _), count in self._blocked.items():
            counts[name, port] = max(count, counts.get((name, port), 0))
        return tuple(Blocked(name, port, count) for (name, port), count in counts.items())

    def close(self) -> None:
        """Close the file; may be called again."""
        if self._fd != -1:
            os.close(self._fd)
            self._fd = -1
        self._room = 0

    def _append(self, line: str) -> None:
        data = line.encode()
        if len(data) > self._room:
            self._room = 0
            return
        self._room -= len(data)
        with suppress(OSError):  # a log that cannot be written is not worth a run
            if self._fd == -1:
                self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
                self._fd = os.open(self.path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
            os.write(self._fd, data)
