"""A plan, shown: what `run --dry-run` prints."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from terraphim_runner.cli.phrase import one_line
from terraphim_runner.expressions.value import to_python
from terraphim_runner.workflow.run_plan import CallPlan, JobPlan
from terraphim_runner.workflow.step import RunStep, UsesStep, in_order

if TYPE_CHECKING:
    from collections.abc import Iterator

    from terraphim_runner.domain.vm_type import VmType
    from terraphim_runner.workflow.run_plan import AnyJobPlan, ConcurrencyPlan, LegPlan, RunPlan
    from terraphim_runner.workflow.step import Step
    from terraphim_runner.workflow.value import Condition

_IMPLIED = "success()"


def render_dry_run(plan: RunPlan) -> Iterator[str]:
    """Give the plan in lines: the run, its machine, every job leg with its steps and conditions."""
    yield f"{one_line(plan.name)}  ({one_line(plan.workflow.file)} on {plan.event.name})"
    yield f"  VM: {_machine(plan.machine)}"
    if plan.concurrency is not None:
        yield f"  concurrency: {_concurrency(plan.concurrency)}"
    for job in plan.jobs:
        yield ""
        yield from _job(job, "")


def _job(job: AnyJobPlan, indent: str) -> Iterator[str]:
    match job:
        case JobPlan():
            yield from _normal_job(job, indent)
        case CallPlan():
            yield from _call(job, indent)


def _normal_job(job: JobPlan, indent: str) -> Iterator[str]:
    if job.strategy is None:
        yield f"{indent}{job.key}  {_head(job)}"
        yield f"{indent}  its legs are known when {_enumerate(job.needs)} ended"
        yield from _steps(tuple(in_order(job.job.steps)), (), indent)
    for leg in job.legs:
        yield f"{indent}{one_line(leg.name)}  {_head(job)}".rstrip()
        yield f"{indent}  runs on {_place(leg)}"
        if leg.concurrency is not None:
            yield f"{indent}  concurrency: {_concurrency(leg.concurrency)}"
        yield from _steps(tuple(in_order(job.job.steps)), leg.steps, indent)


def _call(job: CallPlan, indent: str) -> Iterator[str]:
    if job.strategy is None:
        yield f"{indent}{job.key}  {_head(job)}"
        yield f"{indent}  calls {_file(job)}; its legs are known when {_enumerate(job.needs)} ended"
    for leg in job.legs:
        yield f"{indent}{one_line(leg.name)}  {_head(job)}".rstrip()
        yield f"{indent}  calls {_file(job)}"
        for each in leg.jobs:
            yield from _job(each, indent + "    ")


def _file(job: CallPlan) -> str:
    return one_line(job.workflow.file)


def _head(job: AnyJobPlan) -> str:
    needs = f"needs {', '.join(job.needs)}" if job.needs else ""
    return "  ".join(part for part in (needs, _condition(job.job.condition)) if part)


def _condition(condition: Condition) -> str:
    return "" if condition.text == _IMPLIED else f"if {one_line(condition.text)}"


def _place(leg: LegPlan) -> str:
    if leg.unserved is not None:
        return f"{leg.demand}: skipped, {leg.unserved.message}"
    if leg.demand is None or leg.machine is None:
        return "what is known when its needs ended"
    return f"{leg.demand} (VM type {leg.machine.name})"


def _steps(steps: tuple[Step, ...], names: tuple[str, ...], indent: str) -> Iterator[str]:
    shown = names or tuple(_written(step) for step in steps)
    for number, (step, name) in enumerate(zip(steps, shown, strict=True), start=1):
        condition = _condition(step.condition) if isinstance(step, RunStep | UsesStep) else ""
        background = "in the background" if isinstance(step, RunStep | UsesStep) and step.background else ""
        facts = "  ".join(fact for fact in (background, condition) if fact)
        yield f"{indent}  {number:>2}. {one_line(name)}  {facts}".rstrip()


def _written(step: Step) -> str:
    if step.name is not None:
        return step.name.text
    match step:
        case RunStep():
            return f"Run {step.run.text.strip().partition(chr(10))[0]}"
        case UsesStep():
            return f"Run {step.uses}"
        case _:
            return step.id


def _machine(machine: VmType) -> str:
    size = f"{machine.cpus} CPUs, {machine.memory_mib} MiB memory, {machine.disk_mib} MiB disk"
    return f"{machine.name} (image {machine.image}, {size})"


def _concurrency(concurrency: ConcurrencyPlan) -> str:
    cancels = ", cancels the one in progress" if concurrency.cancel_in_progress else ""
    return f"{one_line(concurrency.group)}{cancels}"


def _enumerate(names: tuple[str, ...]) -> str:
    if not names:
        return "its needs"
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"


def dry_run_data(plan: RunPlan) -> dict[str, Any]:
    """Give the plan as data for JSON."""
    return {
        "workflow": plan.workflow.file,
        "event": plan.event.name,
        "name": plan.name,
        "vm": _machine_data(plan.machine),
        "concurrency": _concurrency_data(plan.concurrency),
        "jobs": [_job_data(job) for job in plan.jobs],
    }


def _job_data(job: AnyJobPlan) -> dict[str, Any]:
    common = {"key": job.key, "id": job.id, "needs": list(job.needs), "if": job.job.condition.text}
    if isinstance(job, JobPlan):
        return {**common, "is_late": job.is_late, "legs": [_leg_data(job, leg) for leg in job.legs]}
    legs = [{"key": leg.key, "name": leg.name, "jobs": [_job_data(each) for each in leg.jobs]} for leg in job.legs]
    return {**common, "is_late": job.is_late, "calls": job.workflow.file, "legs": legs}


def _leg_data(job: JobPlan, leg: LegPlan) -> dict[str, Any]:
    return {
        "key": leg.key,
        "name": leg.name,
        "matrix": to_python(leg.leg.matrix),
        "runs_on": None if leg.demand is None else [label.text for label in leg.demand.labels],
        "vm_type": None if leg.machine is None else leg.machine.name,
        "skipped": None if leg.unserved is None else leg.unserved.message,
        "concurrency": _concurrency_data(leg.concurrency),
        "steps": [
            {"number": number, "id": step.id, "name": name, "if": _step_condition(step)}
            for number, (step, name) in enumerate(zip(in_order(job.job.steps), leg.steps, strict=True), start=1)
        ],
    }


def _step_condition(step: Step) -> str | None:
    return step.condition.text if isinstance(step, RunStep | UsesStep) else None


def _machine_data(machine: VmType) -> dict[str, Any]:
    sizes = {"cpus": machine.cpus, "memory_mib": machine.memory_mib, "disk_mib": machine.disk_mib}
    return {"type": machine.name, "image": machine.image, **sizes}


def _concurrency_data(concurrency: ConcurrencyPlan | None) -> dict[str, Any] | None:
    if concurrency is None:
        return None
    return {"group": concurrency.group, "cancel_in_progress": concurrency.cancel_in_progress}
