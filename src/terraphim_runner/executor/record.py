"""What is remembered of steps and jobs that are over."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from terraphim_runner.domain.conclusion import Conclusion

if TYPE_CHECKING:
    from terraphim_runner.executor.step_end import StepReport

_MADE_UP = "__"  # ids that the author did not write begin so; GitHub keeps them out of the `steps` context


@dataclass(frozen=True, slots=True)
class StepRecord:
    """A step's entry in the `steps` context."""

    outcome: Conclusion
    conclusion: Conclusion
    outputs: dict[str, str] = field(default_factory=dict)

    def as_context(self) -> dict[str, object]:
        """Give it as expressions see it."""
        return {"outputs": self.outputs, "outcome": self.outcome.value, "conclusion": self.conclusion.value}


@dataclass(slots=True)
class StepsRecord:
    """What the steps of one list, a job's or a composite action's, see of each other."""

    steps: dict[str, StepRecord] = field(default_factory=dict)
    status: Conclusion = Conclusion.SUCCESS

    def add(self, step_id: str, report: StepReport) -> None:
        """Remember a step; the first real failure decides the status."""
        self.remember(step_id, report)
        if report.is_failure:
            self.fail()

    def remember(self, step_id: str, report: StepReport) -> None:
        """Remember a step whose failure another step accounts for: the one that waited for it."""
        if not step_id.startswith(_MADE_UP):
            self.steps[step_id] = StepRecord(report.end.outcome, report.conclusion, report.end.outputs)

    def fail(self) -> None:
        """Take a failure that is no step's of its own."""
        if self.status is Conclusion.SUCCESS:
            self.status = Conclusion.FAILURE

    def as_context(self) -> dict[str, object]:
        """Give the `steps` context."""
        return {step_id: step.as_context() for step_id, step in self.steps.items()}


@dataclass(frozen=True, slots=True)
class NeedsRecord:
    """A finished job's entry in the `needs` context."""

    result: Conclusion
    outputs: dict[str, str] = field(default_factory=dict)

    def as_context(self) -> dict[str, object]:
        """Give it as expressions see it."""
        return {"result": self.result.value, "outputs": self.outputs}
