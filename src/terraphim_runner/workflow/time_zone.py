"""The time zones of `on.schedule`: which names there are is a fact of the machine, and given."""

from __future__ import annotations

from typing import TYPE_CHECKING

from terraphim_runner.domain.diagnostic import Diagnostic, Severity
from terraphim_runner.workflow.event import Schedule
from terraphim_runner.workflow.suggestion import did_you_mean

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

    from terraphim_runner.workflow.document import Workflow


def time_zone_faults(workflow: Workflow, known_names: Callable[[], Collection[str]]) -> tuple[Diagnostic, ...]:
    """Give an error for each time zone that has no such name in IANA's list.

    `known_names` is asked only if the workflow names a zone; a machine without the list knows of no fault.
    """
    schedules = (trigger for trigger in workflow.triggers if isinstance(trigger, Schedule))
    zones = [cron.timezone for schedule in schedules for cron in schedule.crons if cron.timezone is not None]
    known = known_names() if zones else ()
    if not known:
        return ()
    return tuple(
        Diagnostic(
            zone.span,
            Severity.ERROR,
            "unknown-time-zone",
            f"There is no time zone '{zone}'",
            did_you_mean(zone.value, sorted(known)) or "names are as in Europe/Vienna; without one it is UTC",
        )
        for zone in zones
        if zone.value not in known
    )
