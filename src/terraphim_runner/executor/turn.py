"""A step's turn: what its work needs to know, evaluated, and where it logs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from terraphim_runner.domain.conclusion import Conclusion
from terraphim_runner.executor.step_end import StepEnd

if TYPE_CHECKING:
    from terraphim_runner.executor.step_log import StepLog
    from terraphim_runner.executor.step_scope import StepScope
    from terraphim_runner.executor.stop import Stop


@dataclass(frozen=True, slots=True)
class StepHeading:
    """What a step is called, and where it logs."""

    label: str  # unique in the job, fit for a file name: `3`, and `3-1` for the first step of the action at 3
    name: str  # as it is shown
    log: StepLog


@dataclass(frozen=True, slots=True)
class Turn:
    """One step, about to do its work."""

    label: str  # as in the heading
    name: str
    scope: StepScope  # with the step's own `env`
    log: StepLog
    stop: Stop

    def failed(self, reason: str) -> StepEnd:
        """Log why the step fails, and give that end."""
        self.log.tell_error(reason)
        return StepEnd(Conclusion.FAILURE, reason=reason)
