"""One event per line, as JSON: see docs/json-events.md and event.schema.json."""

from __future__ import annotations

import json
import re
from dataclasses import fields, is_dataclass
from datetime import UTC, datetime
from enum import Enum
from typing import TYPE_CHECKING, Any, get_args

from terraphim_runner.domain.event import RunEvent

if TYPE_CHECKING:
    from terraphim_runner.cli.writer import Writer

# `RunStarted` is "run_started", and so on.
EVENT_NAMES: dict[type[Any], str] = {
    kind: re.sub(r"(?<=[a-z])(?=[A-Z])", "_", kind.__name__).lower() for kind in get_args(RunEvent)
}


class JsonRenderer:
    """An `EventSink` that writes JSON lines."""

    def __init__(self, writer: Writer) -> None:
        """Write there."""
        self._writer = writer

    def emit(self, event: RunEvent) -> None:
        """Write one line."""
        self._writer.write(event_line(event))


def event_line(event: RunEvent) -> str:
    """Give the event's line; it is pure ASCII, whatever a step printed."""
    content = {"event": EVENT_NAMES[type(event)]} | _plain(event)
    return json.dumps(content, separators=(",", ":")) + "\n"


def _plain(value: Any) -> Any:
    if isinstance(value, tuple):
        return [item if isinstance(item, str) else _plain(item) for item in value]
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, float):
        return round(value, 6)
    if is_dataclass(value) and not isinstance(value, type):
        return {field.name: _plain(getattr(value, field.name)) for field in fields(value)}
    return value
