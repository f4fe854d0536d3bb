"""What a job remembers while it runs."""

from __future__ import annotations

from dataclasses import dataclass, field

from terraphim_runner.domain.conclusion import Conclusion


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
class JobRecord:
    """The state that steps of one job share: what earlier steps set for later ones."""

    env: dict[str, str] = field(default_factory=dict)  # GITHUB_ENV
    path: list[str] = field(default_factory=list)  # GITHUB_PATH, last one first
    steps: dict[str, StepRecord] = field(default_factory=dict)
    status: Conclusion = Conclusion.SUCCESS

    def add(self, step_id: str, record: StepRecord) -> None:
        """Remember a step; the first real failure decides the job's status."""
        self.steps[step_id] = record
        if record.conclusion is Conclusion.FAILURE and self.status is Conclusion.SUCCESS:
            self.status = Conclusion.FAILURE


@dataclass(frozen=True, slots=True)
class NeedsRecord:
    """A finished job's entry in the `needs` context."""

    result: Conclusion
    outputs: dict[str, str] = field(default_factory=dict)

    def as_context(self) -> dict[str, object]:
        """Give it as expressions see it."""
        return {"result": self.result.value, "outputs": self.outputs}
