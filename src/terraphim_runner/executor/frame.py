"""What stays the same while a run, or one job of it, is under way."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from terraphim_runner.domain.conclusion import Conclusion

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from terraphim_runner.executor.action_library import ActionLibrary
    from terraphim_runner.executor.cancellation import Cancellation
    from terraphim_runner.executor.github_context import JobPlace
    from terraphim_runner.executor.mask import Masker
    from terraphim_runner.executor.record import NeedsRecord
    from terraphim_runner.expressions.value import Value
    from terraphim_runner.ports.clock import Clock
    from terraphim_runner.ports.event_sink import EventSink
    from terraphim_runner.ports.vm import Root
    from terraphim_runner.ports.work_tree import WorkTree
    from terraphim_runner.session.session import Session
    from terraphim_runner.workflow.document import Workflow
    from terraphim_runner.workflow.job import NormalJob

CONTEXTS = frozenset(
    {"github", "env", "job", "steps", "runner", "secrets", "vars", "strategy", "matrix", "needs", "inputs"}
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class RunFrame:
    """The run's part."""

    session: Session
    sink: EventSink
    clock: Clock
    cancellation: Cancellation
    masker: Masker
    github: Mapping[str, Any]
    env: Mapping[str, str]  # --env
    event_payload: bytes
    work_tree: WorkTree | None
    actions: ActionLibrary


@dataclass(frozen=True, slots=True)
class JobFrame:
    """The job leg's part."""

    run: RunFrame
    root: Root  # where this job's commands run
    cancellation: Cancellation  # of this job: the run's asks it too, and so may another leg's failure
    workflow: Workflow  # the one that the job is written in, which may be a called one
    job: NormalJob
    key: str
    name: str
    place: JobPlace
    github: Mapping[str, Any]
    runner: Mapping[str, str]
    matrix: Value
    strategy: Value
    needs: Mapping[str, NeedsRecord]
    inputs: Value
    secrets: Mapping[str, str] = field(repr=False)  # those this job is entitled to
    variables: Mapping[str, str]
    env: Mapping[str, str]  # the workflow's and the job's, evaluated

    @property
    def image(self) -> str:
        """Give the image that the run's VM type names."""
        return self.run.session.vm_type.image

    @property
    def is_debugging(self) -> bool:
        """Whether debug messages are shown, which GitHub does for a secret or a variable of this name."""
        return "true" in {each.get("ACTIONS_STEP_DEBUG") for each in (self.secrets, self.variables)}


def status_functions(status: Conclusion, cancellation: Cancellation) -> dict[str, Callable[..., Value]]:
    """Give the status functions as a step sees them."""
    is_cancelled = cancellation.is_requested or status is Conclusion.CANCELLED
    return {
        "always": lambda: True,
        "cancelled": lambda: is_cancelled,
        "failure": lambda: not is_cancelled and status is Conclusion.FAILURE,
        "success": lambda: not is_cancelled and status is Conclusion.SUCCESS,
    }
