"""One use of an action in a job: what its pre, main and post stages share."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum
from typing import TYPE_CHECKING

from terraphim_runner.executor.record import StepsRecord

if TYPE_CHECKING:
    from terraphim_runner.executor.stage_step import StageStep


class Stage(Enum):
    """When in a job an action has something to do."""

    PRE = "Pre"
    MAIN = "Main"
    POST = "Post"


@dataclass(slots=True)
class ActionUse:
    """The memory of one use."""

    state: dict[str, str] = field(default_factory=dict)  # GITHUB_STATE, save-state
    has_post: bool = False  # its post stage is on a stack
    # of a composite action:
    record: StepsRecord = field(default_factory=StepsRecord)  # of its steps
    posts: list[StageStep] = field(default_factory=list)  # of the actions in it; a stack

    def variables(self) -> dict[str, str]:
        """Give the state as a program finds it."""
        return {f"STATE_{name}": value for name, value in self.state.items()}
