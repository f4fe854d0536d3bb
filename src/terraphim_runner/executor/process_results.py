"""What a process asked for, by workflow commands or by command files."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from terraphim_runner.executor.step_environment import StepEnvironment


@dataclass(slots=True)
class ProcessResults:
    """Outputs and state are the step's, environment and path its followers'; a fault fails the step."""

    outputs: dict[str, str] = field(default_factory=dict)
    state: dict[str, str] = field(default_factory=dict)
    env: dict[str, str] = field(default_factory=dict)
    path: list[str] = field(default_factory=list)
    fault: str | None = None  # the first

    def blame(self, fault: str) -> None:
        """Take a fault; what comes after the first does not count."""
        self.fault = self.fault or fault

    def apply(self, environment: StepEnvironment) -> None:
        """Set what later steps see."""
        environment.set(self.env)
        for directory in self.path:
            environment.add_path(directory)
