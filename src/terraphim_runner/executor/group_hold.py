"""How a run and its jobs take part in concurrency groups."""

from __future__ import annotations

from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from terraphim_runner.domain.concurrency import MAX_WAITING, Member, Newcomer, Standing
from terraphim_runner.domain.event import ConcurrencyQueued
from terraphim_runner.workflow.job import ConcurrencyQueue

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from terraphim_runner.domain.ident import RunId
    from terraphim_runner.ports.clock import Clock
    from terraphim_runner.ports.concurrency_groups import ConcurrencyGroups, Place
    from terraphim_runner.ports.event_sink import EventSink
    from terraphim_runner.workflow.run_plan import ConcurrencyPlan


@dataclass(frozen=True, slots=True)
class Hold:
    """A group that was waited for; with a `refusal` it was not to be had, and that is why."""

    place: Place
    group: str
    refusal: str | None

    async def wait_revoked(self) -> str:
        """Wait until the group is to be given up; tell why."""
        while (member := self.place.look()[0]).standing is not Standing.REVOKED:
            await self.place.wait_changed()
        return _why(member, self.group)


@dataclass(frozen=True, slots=True)
class GroupDoor:
    """One run's way into the concurrency groups, which hold within a scope: as on GitHub, its repository."""

    groups: ConcurrencyGroups
    scope: str
    run_id: RunId
    sink: EventSink
    clock: Clock

    @asynccontextmanager
    async def holding(self, plan: ConcurrencyPlan, job: str | None = None) -> AsyncIterator[Hold]:
        """Wait for a group and hold it for the length of the context, for the run or for one leg of it."""
        label = self.run_id if job is None else f"{self.run_id}, job {job}"
        newcomer = Newcomer(
            id=f"{self.run_id} {job or ''}",
            label=label,
            cancel_in_progress=plan.cancel_in_progress,
            queues=plan.queue is ConcurrencyQueue.MAX,
        )
        async with self.groups.join(f"{self.scope} {plan.group}", newcomer) as place:
            self._tell(plan, place, job)
            while (member := place.look()[0]).standing is Standing.WAITING:
                await place.wait_changed()
            refusal = None if member.standing is Standing.RUNNING else _why(member, plan.group)
            yield Hold(place, plan.group, refusal)

    def _tell(self, plan: ConcurrencyPlan, place: Place, job: str | None) -> None:
        member, holder = place.look()
        if member.standing is Standing.WAITING and holder is not None:
            self.sink.emit(ConcurrencyQueued(self.clock.now(), self.run_id, plan.group, holder.label, job))


def _why(member: Member, group: str) -> str:
    match member.standing:
        case Standing.REPLACED:
            return f"{member.by} took its place in the queue of the concurrency group {group}"
        case Standing.REFUSED:
            return f"{MAX_WAITING} others wait for the concurrency group {group} already"
        case _:
            return f"{member.by} takes over the concurrency group {group}"
