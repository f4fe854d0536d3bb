"""Run one leg of a job: a root of its own, its directories, its steps, and what it leaves."""

from __future__ import annotations

import re
import zlib
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

import anyio

from terraphim_runner.domain.conclusion import Conclusion
from terraphim_runner.domain.errors import HostError, InfraError, WorkflowError
from terraphim_runner.domain.event import JobFinished, JobResult, Notice
from terraphim_runner.domain.ident import StepPlace
from terraphim_runner.executor.beside import running_beside
from terraphim_runner.executor.encodable import encodable
from terraphim_runner.executor.frame import JobFrame
from terraphim_runner.executor.github_context import github_context, runner_context
from terraphim_runner.executor.job_runner import JobRunner
from terraphim_runner.executor.job_steps import what_failed
from terraphim_runner.executor.mapping import evaluate_mapping
from terraphim_runner.executor.record import NeedsRecord
from terraphim_runner.executor.scope import run_scope
from terraphim_runner.executor.workspace import clean_up, place_in, set_up
from terraphim_runner.ports.vm import RootSpec
from terraphim_runner.workflow.evaluation import evaluate_flag, evaluate_number

if TYPE_CHECKING:
    from collections.abc import Mapping

    from terraphim_runner.domain.errors import RunnerError
    from terraphim_runner.executor.cancellation import Cancellation
    from terraphim_runner.executor.frame import RunFrame
    from terraphim_runner.executor.github_context import JobPlace
    from terraphim_runner.executor.schedule_state import LegState
    from terraphim_runner.expressions.scope import Scope
    from terraphim_runner.ports.vm import Root
    from terraphim_runner.workflow.job import NormalJob
    from terraphim_runner.workflow.value import Number, Template

_TIMEOUT_MINUTES = 360.0  # GitHub's, as the next one
_CANCEL_TIMEOUT_MINUTES = 5.0
_LAST_GRACE_S = 30.0  # for the steps of a cancelled job to be killed, and post steps to be skipped


@dataclass(frozen=True, slots=True)
class LegEnd:
    """What a leg leaves: a result for people, what jobs see that need it, and what of ours failed, if anything."""

    result: JobResult
    needs: NeedsRecord
    trouble: RunnerError | None = None


@dataclass(frozen=True, slots=True)
class _Settled:
    """What of a leg is evaluated before it has a root."""

    contexts: Mapping[str, Any]
    timeout_s: float
    cancel_timeout_s: float
    is_tolerated: bool
    env: Mapping[str, str]


class LegRunner:
    """One leg of a job that has steps."""

    def __init__(
        self, run: RunFrame, leg: LegState, job: NormalJob, cancellation: Cancellation, *, at_once: int
    ) -> None:
        """Run `leg`, which is of `job`, until `cancellation` stops it; at most `at_once` share the VM with it."""
        self._run = run
        self._leg = leg
        self._job = job
        self._cancellation = cancellation
        self._at_once = at_once
        self._runner: JobRunner | None = None

    async def run(self) -> LegEnd:
        """Run to the end; the events up to there, the job's end included, were sent."""
        self._run.masker.add_secrets(self._leg.job.level.secrets)  # a call may have computed new ones
        try:
            settled = self._settle()
        except WorkflowError as error:
            return self._early_end(Conclusion.FAILURE, str(error))
        trouble: InfraError | HostError | None = None
        with anyio.CancelScope() as scope:
            try:
                async with running_beside() as beside:
                    outlive = partial(self._outlive, settled.cancel_timeout_s)
                    end = partial(self._end_at_last, scope, settled.cancel_timeout_s)
                    with (
                        self._run.cancellation.when_requested(partial(beside.start, outlive)),
                        self._cancellation.when_requested(partial(beside.start, end)),
                    ):
                        await self._run_in_root(settled)
            except (InfraError, HostError) as error:
                trouble = error
        return self._end(trouble)

    async def _outlive(self, cancel_timeout_s: float) -> None:
        """End a job that a cancelled run lets go on, as its `always()` asks, when the time for that is over."""
        await self._run.clock.sleep_s(cancel_timeout_s)
        self._cancellation.request(self._run.cancellation.reason)
        self._cancellation.insist()

    async def _end_at_last(self, scope: anyio.CancelScope, cancel_timeout_s: float) -> None:
        """End what does not heed its cancellation, such as a set-up that hangs."""
        await self._run.clock.sleep_s(cancel_timeout_s + _LAST_GRACE_S)
        scope.cancel()

    async def _run_in_root(self, settled: _Settled) -> None:
        async with self._run.session.open_root(self._root_spec()) as root:
            place = place_in(root, self._run.github)
            origin = StepPlace(self._leg.key, 0)
            await set_up(root, place, self._run.event_payload, origin=origin)
            self._runner = JobRunner(
                self._frame(settled, root, place),
                timeout_s=settled.timeout_s,
                cancel_timeout_s=settled.cancel_timeout_s,
                is_tolerated=settled.is_tolerated,
            )
            try:
                await self._runner.run()
            except BaseException:
                with suppress(InfraError):  # what failed first is to blame
                    await clean_up(root, place, origin=origin)
                raise
            await clean_up(root, place, origin=origin)

    def _root_spec(self) -> RootSpec:
        quota = self._run.session.vm_type.quota
        return RootSpec(
            _slug(self._leg.key),
            memory_mib=quota.job_memory_mib,
            processes=quota.processes,
            sharers=self._at_once,
        )

    def _end(self, trouble: InfraError | HostError | None) -> LegEnd:
        end = None if self._runner is None else self._runner.end
        if end is not None:
            needs = NeedsRecord(end.needs.result, self._without_secrets(end.needs.outputs))
            return LegEnd(end.result, needs, trouble)
        if trouble is not None:
            return self._early_end(Conclusion.FAILURE, what_failed(trouble), trouble)
        return self._early_end(Conclusion.CANCELLED, f"{self._cancellation.reason}; it did not end by itself")

    def _early_end(self, conclusion: Conclusion, reason: str, trouble: RunnerError | None = None) -> LegEnd:
        plan = self._leg.plan
        self._run.sink.emit(JobFinished(self._run.clock.now(), plan.key, conclusion, 0.0, reason))
        result = JobResult(plan.key, self._job.id.value, plan.name, conclusion, 0.0, reason, ())
        return LegEnd(result, NeedsRecord(conclusion), trouble)

    def _without_secrets(self, outputs: Mapping[str, str]) -> dict[str, str]:
        """Leave out what may hold a secret, as GitHub's runner does: outputs are no secrets any more."""
        safe = {name: value for name, value in outputs.items() if self._run.masker.mask(value) == value}
        for name in outputs.keys() - safe.keys():
            message = f"{self._leg.key}: the output '{name}' is left out, for it may contain a secret"
            self._run.sink.emit(Notice(self._run.clock.now(), "warning", message))
        return safe

    def _settle(self) -> _Settled:
        job, contexts = self._job, self._leg.contexts()
        scope = run_scope(contexts)
        early = {name: contexts.get(name) for name in ("github", "inputs", "vars", "secrets")}
        env = evaluate_mapping(self._leg.job.level.workflow.env, run_scope(early))
        return _Settled(
            contexts=contexts,
            timeout_s=_minutes(job.timeout_minutes, scope, _TIMEOUT_MINUTES) * 60,
            cancel_timeout_s=_minutes(job.cancel_timeout_minutes, scope, _CANCEL_TIMEOUT_MINUTES) * 60,
            is_tolerated=job.continue_on_error is not None and evaluate_flag(job.continue_on_error, scope),
            env={**env, **evaluate_mapping(job.env, scope)},
        )

    def _frame(self, settled: _Settled, root: Root, place: JobPlace) -> JobFrame:
        contexts = settled.contexts
        return JobFrame(
            run=self._run,
            root=root,
            cancellation=self._cancellation,
            workflow=self._leg.job.level.workflow,
            job=self._job,
            key=self._leg.key,
            name=self._leg.plan.name,
            place=place,
            github=github_context(self._run.github, job_id=self._job.id.value, place=place),
            runner=runner_context(place, name=str(self._run.session.vm_id), architecture="X64"),
            matrix=contexts["matrix"],
            strategy=contexts["strategy"],
            needs=self._leg.job.needs(),
            inputs=contexts["inputs"],
            secrets=contexts["secrets"],
            variables=contexts["vars"],
            env=settled.env,
        )


def _minutes(value: Number | Template | None, scope: Scope, default: float) -> float:
    return default if value is None else evaluate_number(value, scope)


def _slug(key: str) -> str:
    """Make a name for a root from a leg's key, which no other leg has."""
    readable = re.sub(r"[^A-Za-z0-9._-]+", "-", key).strip("-.")[:40]
    return f"{readable or 'job'}-{zlib.crc32(encodable(key).encode()):08x}"
