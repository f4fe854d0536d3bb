"""An event as it would happen to the repository that the user stands in."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from terraphim_runner.adapters.work_tree.repository_facts import read_repository
from terraphim_runner.workflow.event_context import event_context

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from terraphim_runner.workflow.event_context import EventContext


async def local_event(
    directory: Path, name: str, payload: Mapping[str, Any], changed_files: tuple[str, ...] | None
) -> EventContext:
    """Derive the event from its payload, and from the local clone where the payload is silent."""
    return event_context(name, payload, await read_repository(directory), changed_files=changed_files)
