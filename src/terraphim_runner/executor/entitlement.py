"""Which runs get secrets at all. Which of a run's jobs get which is the schedule's to decide."""

from __future__ import annotations

from typing import TYPE_CHECKING

from terraphim_runner.workflow.event_context import PULL_REQUEST_EVENTS

if TYPE_CHECKING:
    from terraphim_runner.workflow.event_context import EventContext

_OF_THE_BASE = frozenset({"pull_request_target"})  # runs what the repository has, not what the fork proposes


def gets_secrets(event: EventContext) -> bool:
    """Tell whether a run for the event gets secrets; one that executes what a fork proposes does not."""
    return not (event.is_fork and event.name in PULL_REQUEST_EVENTS - _OF_THE_BASE)
