"""Tasks that run beside a block of code, with errors as they were raised."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import anyio

from terraphim_runner.domain.telling_error import telling_error

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from anyio.abc import TaskGroup

_Function = Callable[[], Coroutine[Any, Any, None]]


class Beside:
    """What runs beside a block."""

    __slots__ = ("_tasks", "has_begun")

    def __init__(self, tasks: TaskGroup) -> None:
        """Start nothing yet."""
        self._tasks = tasks
        self.has_begun = False

    def start(self, function: _Function) -> None:
        """Run one more function, until the block ends."""
        self.has_begun = True
        self._tasks.start_soon(function)


@asynccontextmanager
async def running_beside(*functions: _Function) -> AsyncIterator[Beside]:
    """Run `functions`, and what is started later, while the block runs; what ends with an error ends the others.

    They are cancelled when the block ends. An error comes out as itself, not in an `ExceptionGroup`: the block's
    if it raised, else the one of the functions' that says what happened.
    """
    error: Exception | None = None
    try:
        async with anyio.create_task_group() as tasks:
            beside = Beside(tasks)
            for function in functions:
                beside.start(function)
            try:
                yield beside
            except Exception as raised:  # noqa: BLE001  # carried out of the group, and raised below
                error = raised
            if beside.has_begun:
                tasks.cancel_scope.cancel()
    except BaseExceptionGroup as group:
        told = telling_error(group)
        if error is None or not isinstance(told, Exception):
            raise told from told.__cause__
    if error is not None:
        raise error
