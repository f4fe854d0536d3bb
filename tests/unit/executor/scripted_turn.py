"""A step's turn without a run around it, for tests of what happens in it."""

from __future__ import annotations

from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, cast

from terraphim_runner.adapters.memory.clock import ManualClock
from terraphim_runner.adapters.memory.vm import MemoryVm, succeed
from terraphim_runner.domain.event import Annotation, RunEvent, StepOutput
from terraphim_runner.domain.ident import StepPlace, VmId
from terraphim_runner.executor.action_library import ActionLibrary, NoActions
from terraphim_runner.executor.cancellation import Cancellation
from terraphim_runner.executor.frame import JobFrame, RunFrame
from terraphim_runner.executor.github_context import JobPlace
from terraphim_runner.executor.job_actions import JobActions
from terraphim_runner.executor.job_state import JobState
from terraphim_runner.executor.mask import Masker
from terraphim_runner.executor.matcher_set import MatcherSet
from terraphim_runner.executor.step_environment import StepEnvironment
from terraphim_runner.executor.step_log import StepLog
from terraphim_runner.executor.step_scope import StepScope
from terraphim_runner.executor.stop import Stop
from terraphim_runner.executor.turn import Turn
from terraphim_runner.workflow.reader import read_workflow

if TYPE_CHECKING:
    from collections.abc import Mapping

    from anyio.abc import TaskGroup

    from terraphim_runner.adapters.memory.vm import Script
    from terraphim_runner.workflow.document import Workflow
    from terraphim_runner.workflow.job import NormalJob

WORKSPACE = "/home/runner/work/hello/hello"
ONE_STEP = "on: push\njobs: {a: {runs-on: x, steps: [{run: one}]}}"


class Kept:
    """An `EventSink` that keeps what it is sent."""

    def __init__(self) -> None:
        self.events: list[RunEvent] = []

    def emit(self, event: RunEvent) -> None:
        self.events.append(event)

    @property
    def lines(self) -> list[str]:
        return [line for event in self.events if isinstance(event, StepOutput) for line in event.lines]

    @property
    def annotations(self) -> list[Annotation]:
        return [event for event in self.events if isinstance(event, Annotation)]


def workflow_of(text: str = ONE_STEP) -> Workflow:
    workflow = read_workflow(text, "ci.yml").workflow
    assert workflow is not None
    return workflow


def frame_of(
    sink: Kept, tasks: TaskGroup | None = None, *, script: Script = succeed, text: str = ONE_STEP, **changes: Any
) -> JobFrame:
    """A job in a fake VM; without `tasks` no command may be run."""
    workflow, clock = workflow_of(text), ManualClock()
    job = cast("NormalJob", workflow.jobs[0])
    run = RunFrame(
        session=cast("Any", SimpleNamespace(vm_type=SimpleNamespace(image="debian-12"))),
        sink=sink,
        clock=clock,
        cancellation=Cancellation(),
        masker=Masker(),
        github={},
        env={},
        event_payload=b"{}",
        work_tree=None,
        actions=ActionLibrary(NoActions()),
    )
    fields: dict[str, Any] = {
        "run": run,
        "root": MemoryVm(VmId(1, 1), script, clock, cast("TaskGroup", tasks)),
        "cancellation": run.cancellation,
        "workflow": workflow,
        "job": job,
        "key": "a",
        "name": "a",
        "place": JobPlace(WORKSPACE, "/home/runner/work/_temp", "/home/runner/work/_tool", "/run/runner"),
        "github": {"workspace": WORKSPACE},
        "runner": {},
        "matrix": None,
        "strategy": None,
        "needs": {},
        "inputs": None,
        "secrets": {},
        "variables": {},
        "env": {},
    }
    return JobFrame(**(fields | changes))


def scope_of(frame: JobFrame) -> StepScope:
    matchers = MatcherSet(frame.root, frame.place.workspace)
    state = JobState(JobActions(frame.run.actions), matchers)
    return StepScope(frame, state, state.record, StepEnvironment(), frame.inputs)


def turn_of(sink: Kept, frame: JobFrame | None = None, *, env: Mapping[str, str] | None = None) -> Turn:
    frame = frame or frame_of(sink)
    run = frame.run
    log = StepLog(StepPlace("a", 1), sink, run.clock, run.masker, shows_debug=frame.is_debugging)
    return Turn("1", "Run one", scope_of(frame).with_step(env=env), log, Stop(run.clock))
