"""Run a workflow of the repository that the user stands in."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from terraphim_runner.adapters.work_tree.git_work_tree import GitWorkTree
from terraphim_runner.adapters.work_tree.local_actions import LocalActions
from terraphim_runner.adapters.work_tree.repository_facts import read_repository
from terraphim_runner.domain.diagnostic import Severity
from terraphim_runner.domain.errors import UsageError, WorkflowError
from terraphim_runner.domain.event import Notice
from terraphim_runner.domain.ident import RunId
from terraphim_runner.executor.action_library import ActionLibrary
from terraphim_runner.executor.empty_context import empty_references
from terraphim_runner.executor.entitlement import gets_secrets
from terraphim_runner.executor.executor import RunRequest, WorkflowExecutor
from terraphim_runner.executor.mask import Masker
from terraphim_runner.executor.masked_sink import MaskedSink
from terraphim_runner.executor.support import refuse_unsupported
from terraphim_runner.expressions.value import to_string
from terraphim_runner.wiring.called_workflow import local_loader
from terraphim_runner.wiring.engine import isolation_warning, open_engine, open_sessions
from terraphim_runner.wiring.time_zone import known_time_zones
from terraphim_runner.workflow.action_reference import Repository
from terraphim_runner.workflow.chosen_leg import unchosen_jobs
from terraphim_runner.workflow.event import WorkflowDispatch
from terraphim_runner.workflow.event_context import event_context
from terraphim_runner.workflow.input import dispatch_inputs
from terraphim_runner.workflow.machine import LabelTable
from terraphim_runner.workflow.plan import Setting, plan_run
from terraphim_runner.workflow.reader import read_workflow
from terraphim_runner.workflow.time_zone import time_zone_faults

if TYPE_CHECKING:
    from collections.abc import Iterator

    from terraphim_runner.adapters.metrics.metrics import Metrics
    from terraphim_runner.domain.event import RunFinished
    from terraphim_runner.domain.vm_type import VmType
    from terraphim_runner.executor.cancellation import Cancellation
    from terraphim_runner.ports.action_store import ActionStore
    from terraphim_runner.ports.event_sink import EventSink
    from terraphim_runner.session.manager import SessionManager
    from terraphim_runner.settings.model import Settings
    from terraphim_runner.wiring.asked_run import LocalRun
    from terraphim_runner.wiring.engine import Engine
    from terraphim_runner.workflow.document import Workflow
    from terraphim_runner.workflow.event_context import EventContext
    from terraphim_runner.workflow.run_plan import RunPlan


@dataclass(frozen=True, slots=True)
class House:
    """An engine that is open, and who hands out its sessions: what all runs of a worker share."""

    engine: Engine
    sessions: SessionManager


async def plan_local_run(run: LocalRun, settings: Settings, sink: EventSink) -> RunPlan:
    """Read and plan the workflow; warnings go to `sink`.

    Raises:
        WorkflowError: it has faults, or cannot be planned; all of them at once.
        UsageError: no such job or VM type.
    """
    workflow = _read(run, sink)
    event = event_context(run.event_name, _payload(run, workflow), await read_repository(run.directory))
    run_id = str(int(datetime.now(UTC).timestamp() * 1000))
    github = {
        "run_id": run_id,
        "run_number": "1",
        "run_attempt": "1",
        "retention_days": "90",
        "server_url": "https://github.com",
        "api_url": "https://api.github.com",
        "graphql_url": "https://api.github.com/graphql",
        "workflow": str(workflow.name or workflow.file),
        "workflow_ref": f"{event.repository}/{workflow.file}@{event.ref}",
        "workflow_sha": event.sha,
    }
    setting = Setting(
        labels=_labels(run, settings, workflow_file=workflow.file, repository=event.repository),
        loader=local_loader(run.directory),
        contexts={"github": github, "vars": run.variables},
        matrix=run.matrix,
    )
    plan = plan_run(workflow, event, setting, job_id=run.job)
    for warning in (*map(str, plan.notices), *_warnings(run, plan)):
        _warn(sink, warning)
    return plan


async def run_locally(
    run: LocalRun,
    settings: Settings,
    sink: EventSink,
    cancellation: Cancellation,
    masker: Masker,
    *,
    metrics: Metrics | None = None,
) -> RunFinished:
    """Plan and execute on a provider of its own; the last event sent to `sink` is the result.

    `masker` knows what to hide in all events.

    Raises:
        WorkflowError | UsageError: as `plan_local_run`; also what we cannot run yet.
        HostError | SessionRefused: no VM can be had.
    """
    masked = MaskedSink(sink, masker)
    request = await request_run(run, settings, masked, masker)
    inform = partial(_tell, masked, "info")
    async with (
        open_engine(settings, inform, metrics=metrics) as engine,
        open_sessions(engine, settings) as sessions,
    ):
        if left := len(sessions.reconciled):
            vms = "a VM" if left == 1 else f"{left} VMs"
            _warn(masked, f"released {vms} that an earlier run left when it was killed")
        return await _execute(request, House(engine, sessions), sink, cancellation)


async def run_in_house(
    run: LocalRun, settings: Settings, house: House, sink: EventSink, cancellation: Cancellation
) -> RunFinished:
    """Plan and execute on an engine that is open already; otherwise as `run_locally`."""
    masker = Masker.of(run.secrets)
    request = await request_run(run, settings, MaskedSink(sink, masker), masker)
    return await _execute(request, house, sink, cancellation)


async def _execute(request: RunRequest, house: House, sink: EventSink, cancellation: Cancellation) -> RunFinished:
    engine, traced = house.engine, None
    if engine.metrics is not None:
        from terraphim_runner.adapters.metrics.metered_sink import MeteredSink  # noqa: PLC0415  # most runs need none

        sink = MeteredSink(sink, engine.metrics, request.vm_type.name)
    if engine.tracer is not None:
        from terraphim_runner.adapters.tracing.traced_sink import TracedSink  # noqa: PLC0415  # an extra

        sink = traced = TracedSink(sink, engine.tracer)
    executor = WorkflowExecutor(
        house.sessions, engine.ledger, engine.clock, sink, engine.groups, executions=traced
    )
    return await executor.execute_workflow(request, cancellation)


async def request_run(run: LocalRun, settings: Settings, sink: EventSink, masker: Masker) -> RunRequest:
    """Plan, and make of the plan what the executor has to know; warnings go to `sink`.

    Raises:
        WorkflowError | UsageError: as `plan_local_run`; also what we cannot run yet.
    """
    plan = await plan_local_run(run, settings, sink)
    actions = ActionLibrary(_store(run, plan))
    refuse_unsupported(plan, actions)
    if warning := isolation_warning(settings):
        _warn(sink, warning)
    return RunRequest(
        run_id=RunId(f"run-{uuid4().hex[:12]}"),
        plan=plan,
        vm_type=plan.machine,
        env=run.env,
        secrets=_secrets(run, plan.event),
        variables=run.variables,
        concurrency_scope=_concurrency_scope(run, plan),
        max_parallel_jobs=settings.max_parallel_jobs,
        actions=actions,
        work_tree=GitWorkTree(run.directory, settings.state_dir / "scratch", partial(_warn, sink)),
        masker=masker,
    )


def _warn(sink: EventSink, message: str) -> None:
    _tell(sink, "warning", message)


def _tell(sink: EventSink, level: str, message: str) -> None:
    sink.emit(Notice(datetime.now(UTC), level, message))


def _concurrency_scope(run: LocalRun, plan: RunPlan) -> str | None:
    """Tell repositories apart that have no remote: their made-up names are those of their directories."""
    return str(run.directory) if plan.event.repository.startswith("local/") else None


def _store(run: LocalRun, plan: RunPlan) -> ActionStore:
    own = Repository(plan.event.repository, plan.event.sha)
    return LocalActions(own, run.directory, run.actions)


def _secrets(run: LocalRun, event: EventContext) -> Mapping[str, str]:
    return run.secrets if gets_secrets(event) else {}


def _payload(run: LocalRun, workflow: Workflow) -> Mapping[str, Any]:
    """Complete the payload of a run by hand: GitHub's has every input, as text."""
    trigger = workflow.trigger("workflow_dispatch")
    if run.event_name != "workflow_dispatch" or not isinstance(trigger, WorkflowDispatch):
        if run.inputs:
            hint = f"they are for a workflow that listens to workflow_dispatch, and {run.file} " + (
                f"runs for {run.event_name}" if trigger else "does not"
            )
            raise UsageError("there is nothing to give inputs to", hint=hint)
        return run.payload
    given = run.payload.get("inputs")
    inputs = dispatch_inputs(trigger, {**(given if isinstance(given, Mapping) else {}), **run.inputs})
    return {**run.payload, "inputs": {name: to_string(value) for name, value in inputs.items()}}


def _warnings(run: LocalRun, plan: RunPlan) -> Iterator[str]:
    if run.secrets and not gets_secrets(plan.event):
        yield "this is a pull request of a fork: the run gets no secrets and no token, as on GitHub"
    given = {"secrets": _secrets(run, plan.event), "vars": run.variables}
    if references := empty_references(plan, given):
        listed = ", ".join(f"{name} (line {line})" for name, line in references.items())
        yield f"nobody gave these, so they are empty: {listed}; there are --secret, --var and files of them"
    for job in unchosen_jobs(plan):
        yield f"no leg of the job {job} has the values of --matrix: it does not run"


def _read(run: LocalRun, sink: EventSink) -> Workflow:
    read = read_workflow(run.text, run.file)
    if read.workflow is None:
        raise WorkflowError([fault for fault in read.diagnostics if fault.severity is Severity.ERROR])
    if faults := time_zone_faults(read.workflow, known_time_zones):
        raise WorkflowError(faults)
    for diagnostic in read.diagnostics:
        _warn(sink, str(diagnostic))
    return read.workflow


def _labels(run: LocalRun, settings: Settings, *, workflow_file: str, repository: str) -> LabelTable:
    sizes = settings.size_range()
    chosen = settings.vm_type_for(workflow=workflow_file, repository=repository)
    if run.vm_type is not None:
        chosen = _named_vm_type(run.vm_type, settings)
    if chosen is None:
        return LabelTable(settings.vm_types_by_label(), settings.vm_type("default"), sizes)
    return LabelTable(dict.fromkeys(settings.vm_types_by_label(), chosen), chosen, replace(sizes, vm_type=chosen))


def _named_vm_type(name: str, settings: Settings) -> VmType:
    if name not in settings.vm_types:
        known = ", ".join(sorted(settings.vm_types))
        raise UsageError(f"there is no VM type '{name}'", hint=f"the settings have: {known}")
    return settings.vm_type(name)
