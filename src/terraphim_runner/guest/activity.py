"""What runs on a channel."""

from __future__ import annotations

import os

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable


class Activity:
    """Something the host started on a channel. What does not concern it, it ignores: it came late."""

    def take_data(self, content: bytes) -> None:
        """Take data from the host."""

    def take_end(self) -> None:
        """Learn that no more data comes."""

    def take_credit(self, size: int) -> None:
        """Learn that the host has room for more."""

    def take_signal(self, number: int) -> None:
        """Pass a signal on."""

    def close(self, on_gone: Callable[[], None]) -> None:
        """Stop, and call when nothing is left."""
        on_gone()


def describe(error: Exception) -> str:
    """Say what a host is told of an error."""
    if isinstance(error, OSError):
        subject = "" if error.filename is None else f"{os.fsdecode(error.filename)}: "
        return f"{subject}{error.strerror}"
    return str(error.args[0] if error.args else error)
