"""Run the jobs of a plan in the order of their needs."""

from __future__ import annotations

import re
import zlib
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from terraphim_runner.domain.conclusion import Conclusion
from terraphim_runner.domain.errors import ExpressionError, InfraError, WorkflowError
from terraphim_runner.domain.event import JobFinished, JobPlanned, JobResult, PlannedJob, PlannedStep
from terraphim_runner.executor.frame import JobFrame, run_scope, status_functions
from terraphim_runner.executor.github_context import github_context, runner_context
from terraphim_runner.executor.job_runner import JobRunner
from terraphim_runner.executor.mapping import evaluate_mapping
from terraphim_runner.executor.record import NeedsRecord
from terraphim_runner.executor.workspace import clean_up, place_in, set_up
from terraphim_runner.expressions.value import fold_case
from terraphim_runner.ports.vm import RootSpec
from terraphim_runner.workflow.evaluation import evaluate_flag, evaluate_number
from terraphim_runner.workflow.job_graph import needed_ids
from terraphim_runner.workflow.plan import plan_job

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from terraphim_runner.executor.frame import RunFrame
    from terraphim_runner.executor.github_context import JobPlace
    from terraphim_runner.expressions.scope import Scope
    from terraphim_runner.ports.vm import Root
    from terraphim_runner.workflow.document import Workflow
    from terraphim_runner.workflow.job import NormalJob
    from terraphim_runner.workflow.plan import Setting
    from terraphim_runner.workflow.run_plan import JobPlan, LegPlan

DEFAULT_TIMEOUT_MINUTES = 360.0  # GitHub's


def planned_job(job: NormalJob, leg: LegPlan) -> PlannedJob:
    """Show a leg as events do."""
    return PlannedJob(
        key=leg.key,
        id=job.id.value,
        name=leg.name,
        needs=tuple(need.value for need in job.needs),
        steps=tuple(PlannedStep(number, name) for number, name in enumerate(leg.steps, start=1)),
    )


@dataclass(frozen=True, slots=True)
class _Settled:
    """What of a leg is evaluated before it has a root."""

    contexts: Mapping[str, Any]
    timeout_s: float
    is_tolerated: bool
    env: Mapping[str, str]


class GraphRunner:
    """The jobs of one run, one leg at a time: they share one machine and, so far, one root file system."""

    def __init__(
        self,
        frame: RunFrame,
        workflow: Workflow,
        plans: Sequence[JobPlan],
        setting: Setting,
        results: list[JobResult],
    ) -> None:
        """Run `plans`, jobs of `workflow`; late ones are planned again with `setting` and what their needs gave.

        Results are added to `results` as legs end, so that they survive an error.
        """
        self._frame = frame
        self._workflow = workflow
        self._plans = plans
        self._setting = setting
        self._results = results
        self._records: dict[str, NeedsRecord] = {}

    async def run(self) -> None:
        """Run every job that is due; those that are not get their reason.

        Raises:
            InfraError | HostError: the VM or this machine failed; the jobs after it have no result.
        """
        for plan in self._plans:
            self._records[fold_case(plan.id)] = await self._run_job(plan)

    async def _run_job(self, plan: JobPlan) -> NeedsRecord:
        job = plan.job
        try:
            reason = self._skip_reason(job)
            if reason is not None:
                return self._without_steps(plan, Conclusion.SKIPPED, reason)
            if plan.is_late:
                plan = self._plan_again(plan)
        except (ExpressionError, WorkflowError) as error:
            return self._without_steps(plan, Conclusion.FAILURE, str(error))
        return await self._run_legs(plan)

    def _plan_again(self, plan: JobPlan) -> JobPlan:
        known = {leg.key for leg in plan.legs}
        plan = plan_job(plan.job, self._setting.with_contexts(needs=self._needs_context(plan.job)))
        for leg in plan.legs:
            if leg.key not in known:
                self._frame.sink.emit(JobPlanned(self._frame.clock.now(), planned_job(plan.job, leg)))
        return plan

    async def _run_legs(self, plan: JobPlan) -> NeedsRecord:
        is_fail_fast = plan.strategy is None or plan.strategy.fail_fast
        records: list[NeedsRecord] = []
        for leg in plan.legs:
            has_failed = any(record.result is Conclusion.FAILURE for record in records)
            if leg.unserved is not None:
                records.append(self._end_leg(plan.job, leg, Conclusion.SKIPPED, leg.unserved.message))
            elif has_failed and is_fail_fast:
                records.append(
                    self._end_leg(plan.job, leg, Conclusion.CANCELLED, "another leg failed (fail-fast)")
                )
            else:
                records.append(await self._run_leg(plan, leg))
        return _merge(records)

    async def _run_leg(self, plan: JobPlan, leg: LegPlan) -> NeedsRecord:
        try:
            settled = self._settle(plan, leg)
        except WorkflowError as error:
            return self._end_leg(plan.job, leg, Conclusion.FAILURE, str(error))
        async with self._frame.session.open_root(RootSpec(_slug(leg.key))) as root:
            place = place_in(root, self._frame.github)
            await set_up(root, place, self._frame.event_payload)
            frame = self._job_frame(plan.job, leg, settled, root, place)
            runner = JobRunner(frame, timeout_s=settled.timeout_s, is_tolerated=settled.is_tolerated)
            await self._run_and_tidy(runner, root, place)
        return runner.end.needs if runner.end is not None else NeedsRecord(Conclusion.FAILURE)

    async def _run_and_tidy(self, runner: JobRunner, root: Root, place: JobPlace) -> None:
        try:
            await runner.run()
        except BaseException:
            with suppress(InfraError):  # what failed first is to blame
                await clean_up(root, place)
            raise
        else:
            await clean_up(root, place)
        finally:
            if runner.end is not None:
                self._results.append(runner.end.result)

    def _settle(self, plan: JobPlan, leg: LegPlan) -> _Settled:
        job = plan.job
        contexts = self._leg_contexts(plan, leg)
        scope = run_scope(contexts)
        minutes = DEFAULT_TIMEOUT_MINUTES
        if job.timeout_minutes is not None:
            minutes = evaluate_number(job.timeout_minutes, scope)
        early = {name: contexts[name] for name in ("github", "inputs", "vars", "secrets")}
        env = evaluate_mapping(self._workflow.env, run_scope(early))
        return _Settled(
            contexts=contexts,
            timeout_s=minutes * 60,
            is_tolerated=job.continue_on_error is not None and evaluate_flag(job.continue_on_error, scope),
            env={**env, **evaluate_mapping(job.env, scope)},
        )

    def _job_frame(self, job: NormalJob, leg: LegPlan, settled: _Settled, root: Root, place: JobPlace) -> JobFrame:
        contexts = settled.contexts
        return JobFrame(
            run=self._frame,
            root=root,
            cancellation=self._frame.cancellation,
            workflow=self._workflow,
            job=job,
            key=leg.key,
            name=leg.name,
            place=place,
            github=github_context(self._frame.github, job_id=job.id.value, place=place),
            runner=runner_context(place, name=str(self._frame.session.vm_id), architecture="X64"),
            matrix=contexts["matrix"],
            strategy=contexts["strategy"],
            needs=self._needs(job),
            inputs=contexts["inputs"],
            secrets=contexts["secrets"],
            variables=contexts["vars"],
            env=settled.env,
        )

    def _skip_reason(self, job: NormalJob) -> str | None:
        if job.condition.parsed.evaluate(self._scope(job)):
            return None
        if job.condition.written:
            return f"its condition is false: {job.condition.text}"
        if self._frame.cancellation.is_requested:
            return "the run was cancelled"
        blocking = [
            need.value
            for need in job.needs
            if self._records[fold_case(need.value)].result is not Conclusion.SUCCESS
        ]
        return f"it needs {', '.join(blocking)}, which did not succeed"

    def _scope(self, job: NormalJob) -> Scope:
        """Give what a job's `if` sees."""
        contexts = {**self._setting.contexts, "needs": self._needs_context(job)}
        return run_scope(contexts, status_functions(self._status(job), self._frame.cancellation))

    def _leg_contexts(self, plan: JobPlan, leg: LegPlan) -> dict[str, Any]:
        return {
            **self._setting.contexts,
            "needs": self._needs_context(plan.job),
            "secrets": {},
            "matrix": leg.leg.matrix,
            "strategy": None if plan.strategy is None else plan.strategy.context(leg.leg),
        }

    def _needs(self, job: NormalJob) -> dict[str, NeedsRecord]:
        return {need.value: self._records[fold_case(need.value)] for need in job.needs}

    def _needs_context(self, job: NormalJob) -> dict[str, Any]:
        return {name: record.as_context() for name, record in self._needs(job).items()}

    def _status(self, job: NormalJob) -> Conclusion:
        """Give what the status functions go by: `failure()` looks at all ancestors, `success()` at the needs."""
        if any(record.result is Conclusion.FAILURE for record in self._ancestors(job)):
            return Conclusion.FAILURE
        results = {record.result for record in self._needs(job).values()}
        return Conclusion.SUCCESS if results <= {Conclusion.SUCCESS} else Conclusion.SKIPPED

    def _ancestors(self, job: NormalJob) -> list[NeedsRecord]:
        jobs = {fold_case(plan.id): plan.job for plan in self._plans}
        found: dict[str, NeedsRecord] = {}
        pending = list(needed_ids(job))
        while pending:
            job_id = pending.pop()
            if job_id not in found:
                found[job_id] = self._records[job_id]
                pending += needed_ids(jobs[job_id])
        return list(found.values())

    def _without_steps(self, plan: JobPlan, conclusion: Conclusion, reason: str) -> NeedsRecord:
        if not plan.legs:
            self._report(plan.job, plan.key, plan.job.id.value, conclusion, reason)
        for leg in plan.legs:
            self._report(plan.job, leg.key, leg.name, conclusion, reason)
        return NeedsRecord(conclusion)

    def _end_leg(self, job: NormalJob, leg: LegPlan, conclusion: Conclusion, reason: str) -> NeedsRecord:
        self._report(job, leg.key, leg.name, conclusion, reason)
        return NeedsRecord(conclusion)

    def _report(self, job: NormalJob, key: str, name: str, conclusion: Conclusion, reason: str) -> None:
        self._results.append(JobResult(key, job.id.value, name, conclusion, 0.0, reason, ()))
        self._frame.sink.emit(JobFinished(self._frame.clock.now(), key, conclusion, 0.0, reason))


def _slug(key: str) -> str:
    """Make a name for a root from a leg's key, which no other leg has."""
    readable = re.sub(r"[^A-Za-z0-9._-]+", "-", key).strip("-.")[:40]
    return f"{readable or 'job'}-{zlib.crc32(key.encode()):08x}"


def _merge(records: Sequence[NeedsRecord]) -> NeedsRecord:
    """Make one entry of all legs: the worst result, and of each output the last that is not empty."""
    results = {record.result for record in records}
    worst = next(
        (each for each in (Conclusion.FAILURE, Conclusion.CANCELLED, Conclusion.SUCCESS) if each in results),
        Conclusion.SKIPPED,
    )
    outputs: dict[str, str] = {}
    for record in records:
        outputs |= {name: value for name, value in record.outputs.items() if value or name not in outputs}
    return NeedsRecord(worst, outputs)
