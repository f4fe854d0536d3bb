"""Whether a job is due to run when its needs are done, and if not, why. Pure.

As on GitHub, `success()` and `failure()` look at all ancestors, not only at the jobs named in `needs`: what was
skipped far up skips everything below it that does not say otherwise. Given names, they look at those jobs only.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from terraphim_runner.domain.conclusion import Conclusion
from terraphim_runner.executor.scope import run_scope
from terraphim_runner.expressions.value import fold_case, to_string

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import Any

    from terraphim_runner.expressions.value import Value
    from terraphim_runner.workflow.value import Condition

_ENDINGS = {
    Conclusion.FAILURE: "failed",
    Conclusion.CANCELLED: "was cancelled",
    Conclusion.SKIPPED: "was skipped",
}


@dataclass(frozen=True, slots=True)
class JobStatus:
    """What the status functions of one job's `if` go by: how other jobs ended, by id."""

    needs: Mapping[str, Conclusion]
    ancestors: Mapping[str, Conclusion]  # the needed ones and all that those need; nearest first
    cancelled: str | None = None  # why, if the run is being cancelled

    def is_success(self, *names: Value) -> bool:
        """Tell what `success()` is."""
        return self.cancelled is None and all(each is Conclusion.SUCCESS for each in self._asked(names))

    def is_failure(self, *names: Value) -> bool:
        """Tell what `failure()` is."""
        return self.cancelled is None and any(each is Conclusion.FAILURE for each in self._asked(names))

    def functions(self) -> dict[str, Callable[..., Value]]:
        """Give the status functions."""
        return {
            "always": lambda: True,
            "cancelled": lambda: self.cancelled is not None,
            "failure": self.is_failure,
            "success": self.is_success,
        }

    def _asked(self, names: tuple[Value, ...]) -> list[Conclusion | None]:
        if not names:
            return list(self.ancestors.values())
        by_id = {fold_case(name): conclusion for name, conclusion in self.ancestors.items()}
        return [by_id.get(fold_case(to_string(name))) for name in names]


def is_due(condition: Condition, status: JobStatus, contexts: Mapping[str, Any]) -> bool:
    """Tell whether an `if` holds.

    Raises:
        ExpressionError: it cannot be evaluated.
    """
    return condition.parsed.evaluate(run_scope(contexts, status.functions()))


def why_not(condition: Condition, status: JobStatus) -> str:
    """Say why a job whose `if` does not hold is skipped."""
    has_implied_success = condition.parsed.node is not condition.parsed.expression
    if (has_implied_success or condition.text == "success()") and not status.is_success():
        return status.cancelled or _missing(status)
    return f"its condition is false: {condition.text}"


def _missing(status: JobStatus) -> str:
    needed = [f"{name}, which {_ENDINGS[end]}" for name, end in status.needs.items() if end in _ENDINGS]
    if needed:
        return f"it needs {', and '.join(needed)}"
    name, end = next((name, end) for name, end in status.ancestors.items() if end in _ENDINGS)
    return f"{name}, which it needs through other jobs, {_ENDINGS[end]}"
