"""How a step, a job or a run ended, in GitHub's words."""

from __future__ import annotations

from enum import Enum


class Conclusion(Enum):
    """How something ended; for a step, `outcome` is this before and `conclusion` after `continue-on-error`."""

    SUCCESS = "success"
    FAILURE = "failure"
    CANCELLED = "cancelled"
    SKIPPED = "skipped"
