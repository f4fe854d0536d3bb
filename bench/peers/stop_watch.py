"""A program's wall clock: when it was started, when each line of its output came, when it had ended."""

from __future__ import annotations

import subprocess
from dataclasses import dataclass
from time import perf_counter
from typing import TYPE_CHECKING

from bench.peers.workflow import mark

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

_SHOWN_LINES = 30


class PeerFailed(RuntimeError):
    """A peer did not do what it was asked to; the message has the end of its output."""


@dataclass(frozen=True, slots=True)
class Record:
    """What a program printed and when, in seconds from its start."""

    lines: tuple[tuple[float, str], ...]  # standard output and error as they came
    duration_s: float
    status: int

    def first_step_s(self, steps: int) -> float:
        """Give when the first step's output came, of a run of so many steps.

        Raises:
            PeerFailed: the program failed, or the output of a step is missing: then it is no measurement.
        """
        if self.status != 0:
            raise PeerFailed(f"it ended with status {self.status}:\n{self._end()}")
        times = [self._when(mark(number)) for number in range(steps)]
        return times[0]

    def _when(self, word: str) -> float:
        found = next((at_s for at_s, line in self.lines if word in line.split()), None)
        if found is None:
            raise PeerFailed(f"no step printed {word}:\n{self._end()}")
        return found

    def _end(self) -> str:
        return "\n".join(line for _, line in self.lines[-_SHOWN_LINES:])


def record(argv: Sequence[str], directory: Path, environ: Mapping[str, str]) -> Record:
    """Run a program to its end."""
    started_s = perf_counter()
    with subprocess.Popen(
        argv,
        cwd=directory,
        env=environ,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    ) as process:
        output = process.stdout or ()
        lines = [(perf_counter() - started_s, line.decode(errors="replace").rstrip()) for line in output]
        status = process.wait()
    return Record(tuple(lines), perf_counter() - started_s, status)


def per_step_s(short: tuple[int, float], long: tuple[int, float]) -> float:
    """Give what a step costs, from the number of steps and the duration of a short and of a long run.

    Raises:
        ValueError: the long run has no more steps than the short one.
    """
    (few, short_s), (many, long_s) = short, long
    if many <= few:
        raise ValueError(f"{many} steps are not more than {few}")
    return (long_s - short_s) / (many - few)
