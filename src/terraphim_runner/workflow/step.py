"""The steps of a job: the model of `steps:`.

Every step has an id: the author's, or one made as GitHub makes it (`__run`, `__run_2`, `__actions_checkout`).
Within a parallel block the made ones carry the block's: `__parallel_run`.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from terraphim_runner.domain.diagnostic import Span
    from terraphim_runner.workflow.value import Condition, Flag, Number, Template, TemplateMap, Text


@dataclass(frozen=True, slots=True, kw_only=True)
class StepHead:
    """What every step has."""

    id: str
    span: Span
    written_id: Text | None = None
    name: Template | None = None
    continue_on_error: Flag | Template | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkStep(StepHead):
    """What the two kinds of step that do work share."""

    condition: Condition
    env: TemplateMap | Template | None = None
    timeout_minutes: Number | Template | None = None
    background: bool = False  # the job goes on at once; a later wait, or the job's end, collects it


@dataclass(frozen=True, slots=True, kw_only=True)
class RunStep(WorkStep):
    """A script."""

    run: Template
    shell: Template | None = None  # an expression only in a composite action
    working_directory: Template | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class UsesStep(WorkStep):
    """An action."""

    uses: Text
    with_: TemplateMap | Template | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class WaitStep(StepHead):
    """Waits for the background steps of these ids."""

    wait: tuple[Text, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class WaitAllStep(StepHead):
    """Waits for every background step before it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CancelStep(StepHead):
    """Cancels the background step of this id; the job does not fail for it."""

    cancel: Text


@dataclass(frozen=True, slots=True, kw_only=True)
class ParallelStep(StepHead):
    """Runs its steps at the same time and waits for all of them."""

    steps: tuple[RunStep | UsesStep, ...]


Step = RunStep | UsesStep | WaitStep | WaitAllStep | CancelStep | ParallelStep


def in_order(steps: Iterable[Step]) -> Iterator[Step]:
    """Walk steps as they run: those of a parallel block in the background, then it, which waits for them."""
    for step in steps:
        if isinstance(step, ParallelStep):
            yield from (replace(inner, background=True) for inner in step.steps)
        yield step
