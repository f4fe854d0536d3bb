"""How fast the engine is by itself: the provider `memory` runs nothing, everything else is real."""

from __future__ import annotations

from time import process_time
from typing import TYPE_CHECKING

from bench.pool.site import VM_TYPE

from terraphim_runner.adapters.concurrency_directory import ConcurrencyDirectory
from terraphim_runner.adapters.memory.ledger import MemoryLedger
from terraphim_runner.adapters.memory.provider import MemoryProvider
from terraphim_runner.adapters.system_clock import SystemClock
from terraphim_runner.executor.cancellation import Cancellation
from terraphim_runner.executor.executor import WorkflowExecutor
from terraphim_runner.session.manager import SessionLimits, SessionManager
from terraphim_runner.verification.laboratory import Laboratory
from terraphim_runner.verification.script import workflow_text

if TYPE_CHECKING:
    from pathlib import Path

    from terraphim_runner.domain.event import RunEvent


class _Nobody:
    def emit(self, event: RunEvent) -> None:
        """Show nothing."""


async def runs_per_second(directory: Path, count: int) -> float:
    """Count by the processor time that so many runs take, one after the other, planning not included."""
    clock, ledger = SystemClock(), MemoryLedger()
    async with (
        MemoryProvider(clock) as provider,
        SessionManager(provider, ledger, clock, SessionLimits()) as sessions,
    ):
        groups = ConcurrencyDirectory(directory, clock)
        laboratory = Laboratory(provider, ledger, clock, groups, VM_TYPE)
        requests = [laboratory.request(workflow_text(["true"] * 5)) for _ in range(count)]
        started_s = process_time()
        for request in requests:
            await WorkflowExecutor(sessions, ledger, clock, _Nobody(), groups).execute_workflow(
                request, Cancellation()
            )
        return count / (process_time() - started_s)
