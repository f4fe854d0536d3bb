"""What expressions of a run are evaluated against."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from terraphim_runner.expressions.limit import MAX_TEMPLATE_MEMORY
from terraphim_runner.expressions.scope import Scope

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from terraphim_runner.expressions.value import Value


def run_scope(contexts: Mapping[str, Any], functions: Mapping[str, Callable[..., Value]] | None = None) -> Scope:
    """Give a scope with the memory that GitHub's runner allows an expression of a run."""
    return Scope(contexts, functions, max_memory=MAX_TEMPLATE_MEMORY)
