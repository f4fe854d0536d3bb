"""Where the commands that a run executed in its VM are told of."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from datetime import datetime

    from terraphim_runner.domain.ident import StepPlace
    from terraphim_runner.ports.vm import ExitStatus


@dataclass(frozen=True, slots=True)
class ExecutionReport:
    """One command that is over. Of what it was given there is the program alone: the rest may hold secrets."""

    program: str  # the first word of its command line
    origin: StepPlace | None  # who had it executed, where that was said
    root: str  # the name of the root it ran in
    started_at: datetime  # when it was asked for
    ended_at: datetime
    is_started: bool  # false: no such program, directory or user
    status: ExitStatus | None  # none where nobody learnt of it: it was not started, was left to be killed, or lost


class ExecutionSink(Protocol):
    """Take the commands of one run as they end. Must not block for long and must not raise."""

    def record(self, report: ExecutionReport) -> None:
        """Take one command."""
        ...
