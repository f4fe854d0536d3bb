"""What happens in a run, as a stream of values. `docs/json-events.md` documents the JSON form."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from datetime import datetime

    from terraphim_runner.domain.conclusion import Conclusion
    from terraphim_runner.domain.ident import RunId, SessionId
    from terraphim_runner.domain.usage import VmUsage


@dataclass(frozen=True, slots=True)
class PlannedStep:
    """A step as it will be shown, in order of execution; `number` counts from 1 within its job, as on GitHub."""

    number: int
    name: str


@dataclass(frozen=True, slots=True)
class PlannedJob:
    """A job leg as it will be shown; `key` is unique in the run (`test (3.12)` has the id `test`)."""

    key: str
    id: str
    name: str
    needs: tuple[str, ...]
    steps: tuple[PlannedStep, ...]


@dataclass(frozen=True, slots=True)
class RunStarted:
    """The plan is made; nothing has run yet."""

    at: datetime
    run_id: RunId
    workflow: str
    file: str
    event_name: str
    jobs: tuple[PlannedJob, ...]
    title: str = ""  # the run's own name: `run-name`, or what GitHub shows where there is none


@dataclass(frozen=True, slots=True)
class SessionQueued:
    """The session limit is reached; the run waits for its turn."""

    at: datetime
    run_id: RunId
    position: int


@dataclass(frozen=True, slots=True)
class ConcurrencyQueued:
    """The run, or one job leg of it, waits for a concurrency group; `holder` is who holds that, for people."""

    at: datetime
    run_id: RunId
    group: str
    holder: str
    job: str | None = None


@dataclass(frozen=True, slots=True)
class VmAllocated:
    """The run has its VM."""

    at: datetime
    run_id: RunId
    session_id: SessionId
    vm_id: str
    vm_type: str
    provider: str
    source: str  # warm | restored | booted
    is_reused_slot: bool
    duration_s: float


@dataclass(frozen=True, slots=True)
class JobPlanned:
    """A job leg that could be planned only now, when the jobs it needs were done."""

    at: datetime
    job: PlannedJob


@dataclass(frozen=True, slots=True)
class JobStarted:
    """A job leg begins."""

    at: datetime
    job: str


@dataclass(frozen=True, slots=True)
class StepStarted:
    """A step begins; `job` is the job's key, as in every event of a job."""

    at: datetime
    job: str
    step: int
    name: str


@dataclass(frozen=True, slots=True)
class StepOutput:
    """Whole lines a step printed, masked, without the newline."""

    at: datetime
    job: str
    step: int
    lines: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class StepSummary:
    """What a step wrote to GITHUB_STEP_SUMMARY: Markdown, masked."""

    at: datetime
    job: str
    step: int
    text: str


class AnnotationLevel(Enum):
    """How bad it is what an annotation says."""

    ERROR = "error"
    WARNING = "warning"
    NOTICE = "notice"


@dataclass(frozen=True, slots=True)
class SourcePlace:
    """A stretch of a file of the repository; lines and columns count from 1."""

    file: str  # relative to the repository where it lies in it
    line: int | None = None
    end_line: int | None = None
    column: int | None = None
    end_column: int | None = None


@dataclass(frozen=True, slots=True)
class Annotation:
    """An error, a warning or a notice: from a workflow command, a problem matcher, or the runner; masked.

    At most ten of each level come from one step, as on GitHub; the log has them all.
    """

    at: datetime
    job: str
    step: int
    level: AnnotationLevel
    message: str
    title: str | None = None
    place: SourcePlace | None = None


@dataclass(frozen=True, slots=True)
class StepFinished:
    """A step ended; `exit_code` is None where no process ran; `reason` says why it was skipped or failed."""

    at: datetime
    job: str
    step: int
    name: str
    outcome: Conclusion
    conclusion: Conclusion
    exit_code: int | None
    duration_s: float
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class JobFinished:
    """A job leg ended."""

    at: datetime
    job: str
    conclusion: Conclusion
    duration_s: float
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class VmReleased:
    """The run's VM is gone."""

    at: datetime
    run_id: RunId
    session_id: SessionId
    vm_id: str
    duration_s: float


@dataclass(frozen=True, slots=True)
class Notice:
    """Something the user should know that belongs to no step; `level` is `info`, `warning` or `error`."""

    at: datetime
    level: str
    message: str


@dataclass(frozen=True, slots=True)
class StepResult:
    """A step in the result."""

    number: int
    name: str
    outcome: Conclusion
    conclusion: Conclusion
    exit_code: int | None
    duration_s: float
    reason: str | None


@dataclass(frozen=True, slots=True)
class JobResult:
    """A job leg in the result."""

    key: str
    id: str
    name: str
    conclusion: Conclusion
    duration_s: float
    reason: str | None
    steps: tuple[StepResult, ...]
    is_tolerated: bool = False  # its `continue-on-error` keeps its failure from failing the run


@dataclass(frozen=True, slots=True)
class VmEvidence:
    """What the ledger and the session know of the run's VM."""

    id: str
    type: str
    provider: str
    source: str
    is_reused_slot: bool
    allocation_s: float
    commands: int  # executed in this VM, set-up and clean-up included


@dataclass(frozen=True, slots=True)
class RunFinished:
    """The result, always the last event.

    `allocations` and `releases` are counted from the ledger, not assumed. `error` is set when the machinery, not
    the workflow, is to blame; the conclusion is then `failure` and never `success`.
    """

    at: datetime
    run_id: RunId
    conclusion: Conclusion
    vm: VmEvidence | None
    allocations: int
    releases: int
    duration_s: float
    jobs: tuple[JobResult, ...]
    error: str | None = None
    hint: str | None = None  # what can be done about the error
    reason: str | None = None  # why it was cancelled
    usage: VmUsage | None = None  # what the VM used; none where that is not measured, or the VM was lost


RunEvent = (
    RunStarted
    | SessionQueued
    | ConcurrencyQueued
    | VmAllocated
    | JobPlanned
    | JobStarted
    | StepStarted
    | StepOutput
    | StepSummary
    | Annotation
    | StepFinished
    | JobFinished
    | VmReleased
    | Notice
    | RunFinished
)
