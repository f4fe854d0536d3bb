"""Events without secrets, whatever is in them."""

from __future__ import annotations

from dataclasses import fields, is_dataclass, replace
from functools import cache
from operator import is_
from typing import TYPE_CHECKING, Any, TypeVar

from terraphim_runner.domain.event import StepOutput

if TYPE_CHECKING:
    from terraphim_runner.domain.event import RunEvent
    from terraphim_runner.executor.mask import Masker
    from terraphim_runner.ports.event_sink import EventSink
    from terraphim_runner.ports.execution_sink import ExecutionReport, ExecutionSink

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
        """Give the value itself where there is nothing to hide in it, which is nearly always."""
        masked: Any = value
        kind: Any = type(value)
        if isinstance(value, str):
            masked = self._masker.mask(value)
        elif isinstance(value, tuple):
            items = tuple(self._masked(item) for item in value)
            masked = value if all(map(is_, items, value)) else items
        elif (names := _names(kind)) and (changes := self._changes(value, names)):
            masked = replace(value, **changes)  # type: ignore[type-var]  # it has names: a dataclass
        return masked  # type: ignore[no-any-return]

    def _changes(self, value: Any, names: tuple[str, ...]) -> dict[str, Any]:
        changes = {}
        for name in names:
            before = getattr(value, name)
            if name in IDENTITIES and isinstance(before, str | tuple):
                continue
            after = self._masked(before)
            if after is not before:
                changes[name] = after
        return changes


class MaskedExecutions:
    """An `ExecutionSink` that hides secrets in the name of a program, which a workflow chooses."""

    def __init__(self, sink: ExecutionSink, masker: Masker) -> None:
        """Pass on to `sink`."""
        self._sink = sink
        self._masker = masker

    def record(self, report: ExecutionReport) -> None:
        """Take one command."""
        self._sink.record(replace(report, program=self._masker.mask(report.program)))


@cache
def _names(kind: type[Any]) -> tuple[str, ...]:
    """Name the fields of a dataclass; other things have none."""
    return tuple(field.name for field in fields(kind)) if is_dataclass(kind) else ()
