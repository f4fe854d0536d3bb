"""Events and results in words, the same for every renderer that people read."""

from __future__ import annotations

from typing import TYPE_CHECKING

from terraphim_runner.cli.duration import duration_text
from terraphim_runner.cli.terminal_text import clean
from terraphim_runner.domain.conclusion import Conclusion

if TYPE_CHECKING:
    from terraphim_runner.domain.event import (
        ConcurrencyQueued,
        JobFinished,
        JobResult,
        RunFinished,
        StepFinished,
        StepResult,
        VmAllocated,
        VmEvidence,
    )
    from terraphim_runner.domain.usage import VmUsage


def one_line(text: str) -> str:
    """Make a name or a reason, which come from the author's file or the guest, fit for the middle of a line."""
    return clean(" ".join(text.split("\n")), has_colours=False)


def count(number: int, noun: str) -> str:
    """Give `1 job`, `2 jobs`."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def step_facts(step: StepFinished | StepResult) -> str:
    """Say what else is to be known of a step that ended: its exit code where it failed, the reason, the time."""
    facts = []
    reason = one_line(step.reason or "").removeprefix("Process completed with ").removesuffix(".")
    code = f"exit code {step.exit_code}"
    if step.outcome is not Conclusion.SUCCESS and step.exit_code is not None and code not in reason:
        facts.append(code)
    if reason:
        facts.append(reason)
    if step.outcome is not step.conclusion:
        facts.append(f"{step.outcome.value} tolerated")
    if step.outcome is not Conclusion.SKIPPED:
        facts.append(duration_text(step.duration_s))
    return ", ".join(facts)


def job_facts(job: JobFinished | JobResult) -> str:
    """Say what else is to be known of a job that ended."""
    facts = [one_line(job.reason)] if job.reason else []
    if job.conclusion is not Conclusion.SKIPPED:
        facts.append(duration_text(job.duration_s))
    return ", ".join(facts)


def concurrency_queued(event: ConcurrencyQueued) -> str:
    """Say what a run or a job waits for."""
    return f"waits for the concurrency group {one_line(event.group)}, held by {one_line(event.holder)}"


def vm_allocated(event: VmAllocated) -> str:
    """Say where the VM came from."""
    slot = ", in a slot used before and reset" if event.is_reused_slot else ""
    took = duration_text(event.duration_s)
    return f"{event.vm_id} of type {event.vm_type}, {event.source} by {event.provider} in {took}{slot}"


def vm_evidence(vm: VmEvidence) -> str:
    """Say the same of the VM when all is over."""
    slot = ", in a slot used before and reset" if vm.is_reused_slot else ""
    return f"{vm.id} of type {vm.type}, {vm.source} by {vm.provider} in {duration_text(vm.allocation_s)}{slot}"


def usage_facts(usage: VmUsage) -> str:
    """Say what the VM used."""
    facts = [
        f"{duration_text(usage.cpu_s)} of CPU",
        f"{size_text(usage.peak_memory_bytes)} of memory at most",
        f"{size_text(usage.disk_written_bytes)} written",
    ]
    if usage.network is not None:
        facts.append(f"network {size_text(usage.network.in_bytes)} in, {size_text(usage.network.out_bytes)} out")
    return ", ".join(facts)


def size_text(size: int) -> str:
    """Give a number of bytes as a person would say it."""
    amount = float(size)
    for unit in ("B", "kB", "MB"):
        if amount < 1000:
            return f"{amount:.3g} {unit}"
        amount /= 1000
    return f"{amount:.1f} GB"


def ledger_evidence(result: RunFinished) -> str:
    """Say what the ledger counted."""
    counts = f"{count(result.allocations, 'allocation')}, {count(result.releases, 'release')}"
    if result.vm is None:
        return counts
    return f"{counts}, {count(result.vm.commands, 'command')} executed in this VM"
