"""Events without secrets, whatever is in them."""

from __future__ import annotations

from dataclasses import fields, is_dataclass, replace
from typing import TYPE_CHECKING, Any, TypeVar

from terraphim_runner.domain.event import StepOutput

if TYPE_CHECKING:
    from terraphim_runner.domain.event import RunEvent
    from terraphim_runner.executor.mask import Masker
    from terraphim_runner.ports.event_sink import EventSink

# By these, events belong together. They are ours, or stand in the workflow file for everybody to read.
IDENTITIES = frozenset(
    {"key", "id", "job", "needs", "run_id", "session_id", "vm_id", "vm_type", "type", "provider", "source"}
    | {"event_name", "level"}
)

_T = TypeVar("_T")


class MaskedSink:
    """An `EventSink` that hides secrets in all texts of an event but `IDENTITIES`, and passes it on.

    What a step prints is not looked at again: it was masked line by line, with its commands obeyed.
    """

    def __init__(self, sink: EventSink, masker: Masker) -> None:
        """Pass on to `sink`."""
        self._sink = sink
        self._masker = masker

    def emit(self, event: RunEvent) -> None:
        """Take one event."""
        self._sink.emit(event if isinstance(event, StepOutput) else self._masked(event))

    def _masked(self, value: _T) -> _T:
        masked: Any = value
        if isinstance(value, str):
            masked = self._masker.mask(value)
        elif isinstance(value, tuple):
            masked = tuple(self._masked(item) for item in value)
        elif is_dataclass(value) and not isinstance(value, type):
            masked = replace(value, **self._changes(value))
        return masked  # type: ignore[no-any-return]

    def _changes(self, value: Any) -> dict[str, Any]:
        names = [field.name for field in fields(value)]
        return {
            name: self._masked(getattr(value, name))
            for name in names
            if name not in IDENTITIES or not isinstance(getattr(value, name), str | tuple)
        }
