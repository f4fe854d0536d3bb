"""A workflow and an event, to what will run.

`plan_run` plans all that can be known before anything runs. Where a job looks at `needs`, the executor calls
`plan_job` or `plan_call` again when they are there, with the same setting and one more context.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar

from terraphim_runner.domain.diagnostic import Diagnostic, Severity
from terraphim_runner.domain.errors import UsageError, WorkflowError
from terraphim_runner.expressions.scope import Scope
from terraphim_runner.expressions.value import Object
from terraphim_runner.workflow.call import WorkflowLoader, call_inputs, contexts_of_call, trigger_of
from terraphim_runner.workflow.chosen_leg import check_choice, is_chosen
from terraphim_runner.workflow.concurrency import plan_concurrency
from terraphim_runner.workflow.display_name import shown, step_name
from terraphim_runner.workflow.event import WorkflowDispatch
from terraphim_runner.workflow.input import dispatch_inputs
from terraphim_runner.workflow.job import CallJob, NormalJob
from terraphim_runner.workflow.job_graph import closure, order
from terraphim_runner.workflow.machine import Claim, LabelTable, choose_machine, evaluate_runs_on
from terraphim_runner.workflow.matrix import plan_strategy
from terraphim_runner.workflow.matrix_choice import MatrixChoice
from terraphim_runner.workflow.permission import granted, permission_faults
from terraphim_runner.workflow.reference import contexts_of
from terraphim_runner.workflow.run_plan import AnyJobPlan, CallLegPlan, CallPlan, JobPlan, LegPlan, RunPlan
from terraphim_runner.workflow.step import in_order
from terraphim_runner.workflow.suggestion import did_you_mean

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from terraphim_runner.domain.vm_type import VmType
    from terraphim_runner.workflow.document import Workflow
    from terraphim_runner.workflow.event_context import EventContext
    from terraphim_runner.workflow.job import Job
    from terraphim_runner.workflow.machine import Demand
    from terraphim_runner.workflow.matrix import Leg, StrategyPlan
    from terraphim_runner.workflow.permission import Grant
    from terraphim_runner.workflow.run_plan import ConcurrencyPlan


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """What jobs are planned with. `contexts` are those known by now: a text that needs another one is late."""

    labels: LabelTable
    loader: WorkflowLoader = field(default_factory=lambda: WorkflowLoader(lambda _: None))
    contexts: Mapping[str, Any] = field(default_factory=dict)
    skip_unserved: bool = False  # report legs that no VM type serves as skipped, instead of refusing the run
    callers: tuple[str, ...] = ()  # the files from the run's workflow down to the one whose jobs are planned
    prefix: str = ""  # of keys and names: `deploy / `
    matrix: MatrixChoice = field(default_factory=MatrixChoice)  # the legs to run
    grant: Grant = None  # what GITHUB_TOKEN may do in a job that says nothing of it

    def knows(self, part: object) -> bool:
        """Tell whether a part of the model can be evaluated by now."""
        return contexts_of(part) <= {name.casefold() for name in self.contexts}

    def with_contexts(self, **contexts: Any) -> Setting:
        """Give the same setting, knowing more."""
        return replace(self, contexts={**self.contexts, **contexts})

    @property
    def scope(self) -> Scope:
        """Make the scope of what is known."""
        return Scope(self.contexts)


def plan_run(
    workflow: Workflow,
    event: EventContext,
    setting: Setting,
    *,
    job_id: str | None = None,
    inputs: Mapping[str, object] | None = None,
) -> RunPlan:
    """Plan a run of a workflow, or of one job and what it needs. Whether the event triggers it is not asked.

    `setting.contexts` may hold `vars` and what the run adds to `github`; the rest comes from the event. `inputs`
    are those of `workflow_dispatch`, else the payload's.

    Raises:
        WorkflowError: something cannot be planned, every fault at once; or nothing would run.
        UsageError: there is no such job, or no leg such as the setting chooses.
    """
    jobs = workflow.jobs if job_id is None else _chosen(workflow, job_id)
    if setting.matrix.values:
        everything = plan_run(
            workflow, event, replace(setting, matrix=MatrixChoice()), job_id=job_id, inputs=inputs
        )
        check_choice(setting.matrix, everything)
    values = _run_inputs(workflow, event, inputs)
    setting = replace(
        setting,
        callers=(workflow.file,),
        contexts=_contexts(workflow, event, setting, values),
        grant=granted(workflow.permissions, setting.grant),
    )
    faults: list[Diagnostic] = []
    planned = _plan_jobs(jobs, setting, faults)
    concurrency = _guarded(lambda: plan_concurrency(workflow.concurrency, setting.scope), faults)
    machine = _guarded(lambda: _machine(planned, setting.labels), faults)
    if faults or machine is None:
        raise WorkflowError(faults)
    plan = RunPlan(
        workflow=workflow,
        event=event,
        setting=setting,
        name=_run_name(workflow, event, setting),
        jobs=planned,
        machine=machine,
        inputs=values,
        concurrency=concurrency,
    )
    return _checked(plan)


def plan_job(job: NormalJob, setting: Setting) -> JobPlan:
    """Plan a job that has steps; it is late if it looks at what the setting does not know.

    Raises:
        WorkflowError: it cannot be planned.
    """
    strategy = _strategy(job, setting)
    legs = () if strategy is None else tuple(_plan_legs(job, strategy, setting))
    return JobPlan(key=setting.prefix + job.id.value, job=job, strategy=strategy, legs=legs)


def plan_call(job: CallJob, setting: Setting) -> CallPlan:
    """Plan a job that calls a workflow, and the jobs of that workflow.

    Raises:
        WorkflowError: it cannot be planned; every fault of the call and of the called jobs.
    """
    workflow = setting.loader.load(job, setting.callers)
    trigger = trigger_of(job, workflow)
    grant = granted(job.permissions, setting.grant)
    if excess := [*permission_faults(job, workflow, grant)]:
        raise WorkflowError(excess)
    strategy = _strategy(job, setting)
    plan = CallPlan(
        key=setting.prefix + job.id.value, job=job, workflow=workflow, trigger=trigger, strategy=strategy
    )
    if strategy is None:
        return plan
    faults: list[Diagnostic] = []
    legs = tuple(_plan_call_leg(plan, strategy, leg, setting, faults) for leg in strategy.legs)
    if faults:
        raise WorkflowError(list(dict.fromkeys(faults)))
    return replace(plan, legs=legs)


def _plan_jobs(jobs: Sequence[Job], setting: Setting, faults: list[Diagnostic]) -> tuple[AnyJobPlan, ...]:
    plans = (_guarded(partial(_plan_any, job, setting), faults) for job in order(jobs))
    return tuple(plan for plan in plans if plan is not None)


def _plan_any(job: Job, setting: Setting) -> AnyJobPlan:
    match job:
        case NormalJob():
            return plan_job(job, setting)
        case CallJob():
            return plan_call(job, setting)


_T = TypeVar("_T")


def _guarded(plan: Callable[[], _T], faults: list[Diagnostic]) -> _T | None:
    try:
        return plan()
    except WorkflowError as error:
        faults += error.diagnostics
        return None


def _strategy(job: Job, setting: Setting) -> StrategyPlan | None:
    if not setting.knows(job.strategy):
        return None
    strategy = plan_strategy(job.strategy, setting.scope)
    return replace(strategy, legs=tuple(leg for leg in strategy.legs if is_chosen(leg, setting.matrix)))


def _plan_legs(job: NormalJob, strategy: StrategyPlan, setting: Setting) -> Iterator[LegPlan]:
    for leg, suffix in _suffixes(strategy.legs):
        own = setting.with_contexts(matrix=leg.matrix, strategy=strategy.context(leg))
        demand = evaluate_runs_on(job.runs_on, own.scope) if own.knows(job.runs_on) else None
        machine, unserved = _serve(demand, setting)
        scope, known = own.scope, frozenset(map(str.casefold, own.contexts))
        yield LegPlan(
            leg=leg,
            key=setting.prefix + job.id.value + suffix,
            name=setting.prefix + job_name(job, leg, own),
            demand=demand,
            machine=machine,
            steps=tuple(step_name(step, scope, known) for step in in_order(job.steps)),
            concurrency=_concurrency(job, own),
            unserved=unserved,
        )


def job_name(job: Job, leg: Leg, setting: Setting) -> str:
    """Name a leg as GitHub does: the author's name if it has an expression, else with the matrix values."""
    if job.name is None or not job.name.text.strip():
        return leg.display_name(job.id.value)
    if job.name.literal is not None:
        return leg.display_name(job.name.literal)
    known = frozenset(map(str.casefold, setting.contexts))
    return shown(job.name, setting.scope, known) or leg.display_name(job.id.value)


def _concurrency(job: Job, setting: Setting) -> ConcurrencyPlan | None:
    return plan_concurrency(job.concurrency, setting.scope) if setting.knows(job.concurrency) else None


def _serve(demand: Demand | None, setting: Setting) -> tuple[VmType | None, Diagnostic | None]:
    if demand is None:
        return None, None
    try:
        return setting.labels.machine(demand), None
    except WorkflowError as error:
        if not setting.skip_unserved:
            raise
        return None, replace(error.diagnostics[0], severity=Severity.WARNING)


def _suffixes(legs: Sequence[Leg]) -> Iterator[tuple[Leg, str]]:
    taken: set[str] = set()
    for leg in legs:
        suffix = f" ({leg.suffix})" if leg.suffix else ""
        if suffix in taken or (not suffix and leg.total > 1):
            suffix += f" #{leg.index + 1}"
        taken.add(suffix)
        yield leg, suffix


def _plan_call_leg(
    plan: CallPlan, strategy: StrategyPlan, leg: Leg, setting: Setting, faults: list[Diagnostic]
) -> CallLegPlan:
    job = plan.job
    own = setting.with_contexts(matrix=leg.matrix, strategy=strategy.context(leg))
    inputs = None
    if contexts_of_call(job) <= set(own.contexts):
        inputs = _guarded(lambda: call_inputs(job, plan.trigger, own.scope, _callee(setting)), faults)
    suffix = dict(_by_index(strategy.legs))[leg.index]
    inner = _inner(plan, suffix, inputs, setting)
    return CallLegPlan(
        leg=leg,
        key=plan.key + suffix,
        name=setting.prefix + job_name(job, leg, own),
        inputs=inputs,
        setting=inner,
        jobs=_plan_jobs(plan.workflow.jobs, inner, faults),
        concurrency=_concurrency(job, own),
    )


def _by_index(legs: Sequence[Leg]) -> Iterator[tuple[int, str]]:
    return ((leg.index, suffix) for leg, suffix in _suffixes(legs))


def _callee(setting: Setting) -> Scope:
    return Scope({name: setting.contexts[name] for name in ("github", "vars") if name in setting.contexts})


def _inner(plan: CallPlan, suffix: str, inputs: Object | None, setting: Setting) -> Setting:
    contexts = {name: setting.contexts[name] for name in ("github", "vars") if name in setting.contexts}
    if inputs is not None:
        contexts["inputs"] = inputs
    return replace(
        setting,
        contexts=contexts,
        callers=(*setting.callers, plan.workflow.file),
        prefix=f"{plan.key}{suffix} / ",
        grant=granted(plan.workflow.permissions, granted(plan.job.permissions, setting.grant)),
    )


def _chosen(workflow: Workflow, job_id: str) -> tuple[Job, ...]:
    if workflow.job(job_id) is None:
        known = [job.id.value for job in workflow.jobs]
        hint = did_you_mean(job_id, known) or f"it has: {', '.join(known)}"
        raise UsageError(f"{workflow.file} has no job '{job_id}'", hint=hint)
    return closure(workflow.jobs, job_id)


def _run_inputs(workflow: Workflow, event: EventContext, inputs: Mapping[str, object] | None) -> Object:
    trigger = workflow.trigger("workflow_dispatch")
    if event.name != "workflow_dispatch" or not isinstance(trigger, WorkflowDispatch):
        return Object()
    given = event.payload.get("inputs") if inputs is None else inputs
    return dispatch_inputs(trigger, given if isinstance(given, Mapping) else {})


def _contexts(workflow: Workflow, event: EventContext, setting: Setting, inputs: Object) -> dict[str, Any]:
    own = {"workflow": str(workflow.name or workflow.file)}
    github = {**event.github(), **own, **setting.contexts.get("github", {})}
    return {"vars": {}, **setting.contexts, "github": github, "inputs": inputs}


def _run_name(workflow: Workflow, event: EventContext, setting: Setting) -> str:
    if workflow.run_name is not None:
        known = frozenset(map(str.casefold, setting.contexts))
        if name := shown(workflow.run_name, setting.scope, known).strip():
            return name
    title = event.pull_request.get("title") if event.pull_request else None
    message = (event.head_message or "").partition("\n")[0] if event.name == "push" else ""
    return str(title or message or workflow.name or workflow.file)


def _machine(jobs: Iterable[AnyJobPlan], labels: LabelTable) -> VmType:
    return choose_machine([*_claims(jobs)], labels.default)


def _claims(jobs: Iterable[AnyJobPlan]) -> Iterator[Claim]:
    for job in jobs:
        match job:
            case JobPlan():
                for leg in job.legs:
                    if leg.demand is not None and leg.machine is not None:
                        yield Claim(leg.key, leg.demand, leg.machine)
            case CallPlan():
                for call in job.legs:
                    yield from _claims(call.jobs)


def _checked(plan: RunPlan) -> RunPlan:
    unserved = tuple(leg.unserved for _, leg in plan.legs if leg.unserved is not None)
    if _may_run(plan.jobs):
        return replace(plan, notices=tuple(dict.fromkeys(unserved)))
    first = plan.workflow.jobs[0].id.span if plan.workflow.jobs else unserved[0].span
    message = "Nothing would run: no VM type serves any of the jobs"
    raise WorkflowError([Diagnostic(first, Severity.ERROR, "nothing-to-run", message), *unserved])


def _may_run(jobs: Iterable[AnyJobPlan]) -> bool:
    return any(
        job.is_late or any(leg.unserved is None for leg in job.legs)
        if isinstance(job, JobPlan)
        else job.is_late or any(_may_run(leg.jobs) for leg in job.legs)
        for job in jobs
    )
