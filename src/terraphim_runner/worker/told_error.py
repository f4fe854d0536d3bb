"""Errors on their way from a worker to whoever asked it."""

from __future__ import annotations

from typing import Any

from terraphim_runner.domain import errors
from terraphim_runner.domain.diagnostic import Diagnostic
from terraphim_runner.domain.errors import InfraError, RunnerError, WorkflowError
from terraphim_runner.worker.plain import from_plain, to_plain


def error_to_plain(error: RunnerError) -> dict[str, Any]:
    """Give an error as JSON knows it."""
    diagnostics = to_plain(error.diagnostics) if isinstance(error, WorkflowError) else []
    return {"type": type(error).__name__, "message": str(error), "hint": error.hint, "diagnostics": diagnostics}


def error_from_plain(data: dict[str, Any]) -> RunnerError:
    """Give the error back: the same class, if it can be made of a message alone."""
    kind = getattr(errors, data["type"], InfraError)
    if kind is WorkflowError:
        return WorkflowError([from_plain(Diagnostic, each) for each in data["diagnostics"]])
    if kind is errors.ExpressionError:
        kind = InfraError
    error: RunnerError = kind(data["message"], hint=data["hint"])
    return error
