"""The background steps of a job: ten at once, each with its own environment until it is waited for."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import anyio

from terraphim_runner.domain.conclusion import Conclusion
from terraphim_runner.executor.stop import Stop, StopReason

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable

    from anyio.abc import TaskGroup

    from terraphim_runner.executor.step_end import StepReport
    from terraphim_runner.executor.step_environment import StepEnvironment
    from terraphim_runner.executor.step_scope import StepScope

MAX_AT_ONCE = 10  # GitHub's
_WORST_FIRST = (Conclusion.CANCELLED, Conclusion.FAILURE)


@dataclass(slots=True, eq=False)
class BackgroundStep:
    """One of them."""

    id: str
    name: str
    environment: StepEnvironment  # a fork of the job's
    stop: Stop
    begun: anyio.Event = field(default_factory=anyio.Event)
    done: anyio.Event = field(default_factory=anyio.Event)
    report: StepReport | None = None  # when it is done
    is_covered: bool = False  # a step waited for it or cancelled it
    is_cancelled: bool = False  # by a `cancel` step


class BackgroundSteps:
    """All of one job's."""

    def __init__(self, scope: StepScope, tasks: TaskGroup) -> None:
        """Run them in `tasks`."""
        self._scope = scope
        self._tasks = tasks
        self._slots = anyio.Semaphore(MAX_AT_ONCE)
        self._steps: dict[str, BackgroundStep] = {}

    async def start(self, step: BackgroundStep, work: Callable[[], Awaitable[StepReport]]) -> None:
        """Start one; return when it has begun its work, or waits for room to do so."""
        has_room = self._slots.value > 0
        self._steps[step.id] = step
        self._tasks.start_soon(self._run, step, work)
        if has_room:
            await step.begun.wait()

    @property
    def uncovered(self) -> list[BackgroundStep]:
        """The steps that none has waited for yet."""
        return [step for step in self._steps.values() if not step.is_covered]

    def find(self, ids: Iterable[str]) -> list[BackgroundStep]:
        """Give the steps of these ids that were started: a skipped one was not."""
        return [self._steps[step_id] for step_id in ids if step_id in self._steps]

    async def wait(self, steps: Iterable[BackgroundStep]) -> Conclusion:
        """Wait for steps; what they set is there for others from now on. Give the worst of their conclusions."""
        results = set()
        for step in steps:
            await step.done.wait()
            self._collect(step)
            if step.report is not None:
                results.add(step.report.conclusion)
        return next((each for each in _WORST_FIRST if each in results), Conclusion.SUCCESS)

    async def cancel(self, steps: Iterable[BackgroundStep]) -> None:
        """Stop steps and wait for their end; that they were cancelled does not count against the job."""
        chosen = list(steps)
        for step in chosen:
            step.is_cancelled = True
            step.stop.request(StopReason.CANCELLED)
        await self.wait(chosen)

    @property
    def has_failed(self) -> bool:
        """Whether one of them failed, waited for or not."""
        return any(step.report is not None and step.report.is_failure for step in self._steps.values())

    def _collect(self, step: BackgroundStep) -> None:
        if step.report is not None and not step.is_covered:
            self._scope.environment.join(step.environment)
            self._scope.record.remember(step.id, step.report)
        step.is_covered = True

    async def _run(self, step: BackgroundStep, work: Callable[[], Awaitable[StepReport]]) -> None:
        try:
            async with self._slots:
                step.begun.set()
                step.report = await work()
        finally:
            step.done.set()
