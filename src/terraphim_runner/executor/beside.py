"""A task that runs beside a block of code, with errors as they were raised."""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import anyio

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Coroutine


@asynccontextmanager
async def running_beside(function: Callable[[], Coroutine[Any, Any, None]]) -> AsyncIterator[None]:
    """Run `function` while the block runs; whichever ends with an error ends the other.

    The function is cancelled when the block ends. An error comes out as itself, not in an `ExceptionGroup`: the
    block's if it raised, else the function's.
    """
    error: Exception | None = None
    try:
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(function)
            try:
                yield
            except Exception as raised:  # noqa: BLE001  # carried out of the group, and raised below
                error = raised
            tasks.cancel_scope.cancel()
    except BaseExceptionGroup as group:
        matched, rest = group.split(Exception)
        if matched is None or rest is not None:
            raise
        error = error or _first(matched)
    if error is not None:
        raise error


def _first(group: BaseExceptionGroup[Exception]) -> Exception:
    first = group.exceptions[0]
    return _first(first) if isinstance(first, BaseExceptionGroup) else first
