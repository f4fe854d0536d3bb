"""What a scenario claims and what was observed."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Check:
    """One claim beside what was observed."""

    claim: str
    expected: object
    observed: object

    @property
    def holds(self) -> bool:
        """Whether the claim is true."""
        return self.expected == self.observed


@dataclass(frozen=True, slots=True)
class ScenarioResult:
    """A scenario with its evidence; an error is a scenario that could not be carried out, so it did not hold."""

    name: str
    checks: tuple[Check, ...]
    duration_s: float
    error: str | None = None

    @property
    def holds(self) -> bool:
        """Whether every claim is true; a scenario that checked nothing proves nothing."""
        return self.error is None and bool(self.checks) and all(check.holds for check in self.checks)


@dataclass(frozen=True, slots=True)
class Verdict:
    """All scenarios on one provider."""

    provider: str
    scenarios: tuple[ScenarioResult, ...]

    @property
    def holds(self) -> bool:
        """Whether every scenario held."""
        return bool(self.scenarios) and all(scenario.holds for scenario in self.scenarios)
