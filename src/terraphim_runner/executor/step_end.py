"""How a step, and the work in it, ended."""

from __future__ import annotations

from dataclasses import dataclass, field

from terraphim_runner.domain.conclusion import Conclusion


@dataclass(frozen=True, slots=True)
class StepEnd:
    """How the work of a step ended, before `continue-on-error`."""

    outcome: Conclusion
    exit_code: int | None = None
    reason: str | None = None
    outputs: dict[str, str] = field(default_factory=dict)
    state: dict[str, str] = field(default_factory=dict)  # GITHUB_STATE: for the same action's later stages
    is_undecided: bool = False  # whether it is to run could not be evaluated


@dataclass(frozen=True, slots=True)
class StepReport:
    """A step that is over: what it is called, how it ended, and what that counts as."""

    name: str
    end: StepEnd
    conclusion: Conclusion

    @property
    def is_failure(self) -> bool:
        """Tell whether the steps after it see a failure."""
        return self.conclusion is Conclusion.FAILURE
