"""What all steps of one job share while it runs."""

from __future__ import annotations

from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from uuid import uuid4

from terraphim_runner.executor.record import StepsRecord

if TYPE_CHECKING:
    from terraphim_runner.executor.action_runner import ActionRunner
    from terraphim_runner.executor.matcher_set import MatcherSet
    from terraphim_runner.executor.stage_step import StageStep


@dataclass(slots=True)
class JobState:
    """One job under way."""

    actions: ActionRunner  # runs `uses` steps
    matchers: MatcherSet
    record: StepsRecord = field(default_factory=StepsRecord)  # of the job's own steps
    posts: list[StageStep] = field(default_factory=list)  # a stack: what was pushed last runs first
    # What steps leave running, until the job's end: a server that one step starts is there for the next.
    executions: AsyncExitStack = field(default_factory=AsyncExitStack)
    tracking_id: str = field(
        default_factory=lambda: f"github_{uuid4()}"
    )  # by which the runner knows its processes
