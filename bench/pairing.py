"""A step of the engine, in its job's root, beside the agent's bare exec of the same in the VM's own; in turns."""

from __future__ import annotations

from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from time import perf_counter
from typing import TYPE_CHECKING

from terraphim_runner.adapters.memory.concurrency_groups import MemoryConcurrencyGroups
from terraphim_runner.domain.conclusion import Conclusion
from terraphim_runner.domain.event import StepFinished
from terraphim_runner.domain.ident import RunId
from terraphim_runner.executor.cancellation import Cancellation
from terraphim_runner.executor.executor import RunRequest, WorkflowExecutor
from terraphim_runner.session.manager import SessionLimits, SessionManager
from terraphim_runner.verification.witness import WitnessedRoot, WitnessedVm, WitnessProvider
from terraphim_runner.workflow.event_context import EventContext
from terraphim_runner.workflow.machine import LabelTable
from terraphim_runner.workflow.plan import Setting, plan_run
from terraphim_runner.workflow.reader import read_workflow

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from bench.product import Product

    from terraphim_runner.domain.event import RunEvent
    from terraphim_runner.ports.ledger import Ledger
    from terraphim_runner.ports.vm import Allocation, AllocationRequest, Command, Execution, Root, RootSpec, Vm

_SCRIPT = "/tmp/bare-step.sh"


@dataclass(slots=True)
class _StopWatch:
    """What each step took, without what was put between."""

    bare: list[float] = field(default_factory=list)
    steps: list[float] = field(default_factory=list)
    began_s: float = 0.0

    def emit(self, event: RunEvent) -> None:
        """Be the run's event sink: a step lasts from the end of the one before to its own."""
        if isinstance(event, StepFinished):
            now_s = perf_counter()
            self.steps.append(now_s - self.began_s)
            self.began_s = now_s


class _PairedVm(WitnessedVm):
    """Hands out roots that do each step's command once in the VM's own root before the step does it."""

    def __init__(self, vm: Vm, watch: _StopWatch) -> None:
        super().__init__(vm, [])
        self._watch = watch

    @asynccontextmanager
    async def open_root(self, spec: RootSpec) -> AsyncIterator[Root]:
        async with self._vm.open_root(spec) as root:
            yield _PairedRoot(root, self._vm, self._watch)


class _PairedRoot(WitnessedRoot):
    def __init__(self, root: Root, vm: Vm, watch: _StopWatch) -> None:
        super().__init__(root, vm.id, [])
        self._vm = vm
        self._watch = watch

    @asynccontextmanager
    async def exec(self, command: Command) -> AsyncIterator[Execution]:
        if command.read_back:  # a step's, not the run's own
            began_s = perf_counter()
            bare = (*command.argv[:-1], _SCRIPT)
            await self._execute_bare(replace(command, argv=bare, cwd="/", files={}, read_back=()))
            self._watch.began_s += perf_counter() - began_s
        async with super().exec(command) as execution:
            yield execution

    async def _execute_bare(self, command: Command) -> None:
        began_s = perf_counter()
        async with self._vm.exec(command) as execution:
            async for _ in execution:
                pass
            status = await execution.wait()
            self._watch.bare.append(perf_counter() - began_s)
        if not status.is_success:
            raise RuntimeError(f"the bare step ended with {status}")


class _PairingProvider(WitnessProvider):
    def __init__(self, product: Product, watch: _StopWatch) -> None:
        super().__init__(product.provider)
        self._watch = watch

    async def allocate(self, request: AllocationRequest) -> Allocation:
        allocation = await self.provider.allocate(request)
        await allocation.vm.put_file(_SCRIPT, _once(b"true\n"))
        return replace(allocation, vm=_PairedVm(allocation.vm, self._watch))


async def time_steps(product: Product, ledger: Ledger, count: int) -> tuple[list[float], list[float]]:
    """Run a workflow of `count` steps that do nothing; give what the steps took, and their bare commands."""
    watch = _StopWatch()
    provider = _PairingProvider(product, watch)
    async with SessionManager(provider, ledger, product.clock, SessionLimits()) as sessions:
        executor = WorkflowExecutor(sessions, ledger, product.clock, watch, MemoryConcurrencyGroups())
        result = await executor.execute_workflow(_request(product, count), Cancellation())
    if result.conclusion is not Conclusion.SUCCESS:
        raise RuntimeError(f"the workflow of {count} steps ended as {result.conclusion.value}: {result.error}")
    return watch.steps, watch.bare


def _request(product: Product, count: int) -> RunRequest:
    steps = '      - run: "true"\n' * count
    text = f"on: push\njobs:\n  job:\n    runs-on: self-hosted\n    steps:\n{steps}"
    workflow = read_workflow(text, "bench.yml").workflow
    if workflow is None:
        raise RuntimeError("the benchmark's workflow cannot be read")
    labels = LabelTable({"self-hosted": product.vm_type}, product.vm_type)
    event = EventContext(name="push", ref="refs/heads/main", repository="terraphim/bench")
    plan = plan_run(workflow, event, Setting(labels=labels))
    return RunRequest(RunId("bench-steps"), plan, product.vm_type)


async def _once(content: bytes) -> AsyncIterator[bytes]:
    yield content
