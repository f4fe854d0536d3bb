"""Task groups wrap what their tasks raise; callers want the one error that says what happened."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from terraphim_runner.domain.telling_error import telling_error

if TYPE_CHECKING:
    from collections.abc import Iterator


@contextmanager
def single_error() -> Iterator[None]:
    """Let `telling_error` out in place of a group."""
    try:
        yield
    except BaseExceptionGroup as group:
        error = telling_error(group)
        raise error from error.__cause__
