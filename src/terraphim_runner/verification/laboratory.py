"""Where scenarios are carried out: the real engine on the provider under test, with a witness in between."""

from __future__ import annotations

from collections import Counter
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from uuid import uuid4

import anyio

from terraphim_runner.domain.errors import HostError
from terraphim_runner.domain.event import StepOutput
from terraphim_runner.domain.ident import RunId, VmId
from terraphim_runner.executor.cancellation import Cancellation
from terraphim_runner.executor.executor import RunRequest, WorkflowExecutor
from terraphim_runner.session.manager import SessionManager
from terraphim_runner.verification.evidence import ScenarioResult, Verdict
from terraphim_runner.verification.witness import Sight, Sighting, WitnessProvider
from terraphim_runner.workflow.event_context import EventContext
from terraphim_runner.workflow.machine import LabelTable
from terraphim_runner.workflow.plan import Setting, plan_run
from terraphim_runner.workflow.reader import read_workflow

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Mapping, Sequence

    from terraphim_runner.domain.event import RunEvent, RunFinished
    from terraphim_runner.domain.vm_type import VmType
    from terraphim_runner.ports.clock import Clock
    from terraphim_runner.ports.concurrency_groups import ConcurrencyGroups
    from terraphim_runner.ports.ledger import Ledger
    from terraphim_runner.ports.vm import VmProvider
    from terraphim_runner.session.manager import SessionLimits
    from terraphim_runner.session.session import Session
    from terraphim_runner.verification.scenario import Scenario

MEETING_DEADLINE_S = 120.0


@dataclass(frozen=True, slots=True)
class Observation:
    """One run: its result, and what its steps printed."""

    result: RunFinished
    lines: tuple[str, ...]

    def said(self, name: str) -> list[str]:
        """Give the words of the lines `name: words`, in order."""
        return said(self.lines, name)


def said(lines: Sequence[str], name: str) -> list[str]:
    """Give the words of the lines `name: words`, in order."""
    prefix = f"{name}: "
    return [line.removeprefix(prefix) for line in lines if line.startswith(prefix)]


@dataclass(slots=True)
class _Listener:
    lines: list[str] = field(default_factory=list)

    def emit(self, event: RunEvent) -> None:
        if isinstance(event, StepOutput):
            self.lines += event.lines


class Experiment:
    """One scenario's own session manager, on a watched provider."""

    def __init__(self, witness: WitnessProvider, manager: SessionManager, laboratory: Laboratory) -> None:
        """Observe through `witness`."""
        self._witness = witness
        self._manager = manager
        self._laboratory = laboratory
        self.held_afterwards: int | None = None  # known when the experiment is over

    @property
    def sightings(self) -> list[Sighting]:
        """What the witness saw, in order."""
        return self._witness.sightings

    def ask_each_vm(self, script: str) -> None:
        """Have a script run in every VM's own root, which jobs do not see, before the VM is handed out."""
        self._witness.question = script

    def answers(self, name: str) -> list[list[str]]:
        """Give the words of the lines `name: words` of each VM's answer."""
        return [said(answer.splitlines(), name) for answer in self._witness.answers]

    async def run(self, text: str) -> Observation:
        """Run a workflow to its end."""
        listener = _Listener()
        laboratory = self._laboratory
        executor = WorkflowExecutor(
            self._manager, laboratory.ledger, laboratory.clock, listener, laboratory.groups
        )
        result = await executor.execute_workflow(laboratory.request(text), Cancellation())
        return Observation(result, tuple(listener.lines))

    @asynccontextmanager
    async def session(self) -> AsyncIterator[Session]:
        """Hold a session without running anything in it."""
        run_id = RunId(f"verify-{uuid4().hex[:8]}")
        async with self._manager.session(run_id, self._laboratory.vm_type) as session:
            yield session

    def count(self, sight: Sight) -> int:
        """Count what was seen of a kind."""
        return sum(sighting.sight is sight for sighting in self.sightings)

    def vms(self) -> set[VmId]:
        """Give the VMs that were allocated."""
        return {s.vm_id for s in self.sightings if s.sight is Sight.ALLOCATED and s.vm_id}

    def vms_of_commands(self) -> set[VmId]:
        """Give the VMs that commands were sent to."""
        return set(self._commands())

    def commands_by_vm(self) -> list[int]:
        """Count the commands of each VM."""
        return list(self._commands().values())

    def most_held(self) -> int:
        """Give the largest number of VMs that were held at one instant."""
        held = most = 0
        for sighting in self.sightings:
            held += (sighting.sight is Sight.ALLOCATED) - (sighting.sight is Sight.RELEASED)
            most = max(most, held)
        return most

    def allocations_after_first_command(self) -> int:
        """Count the VMs that were asked for once commands were running."""
        sights = [sighting.sight for sighting in self.sightings]
        after = sights[sights.index(Sight.COMMAND) :] if Sight.COMMAND in sights else []
        return after.count(Sight.ALLOCATING)

    def _commands(self) -> Counter[VmId]:
        return Counter(s.vm_id for s in self.sightings if s.sight is Sight.COMMAND and s.vm_id)


class Laboratory:
    """Carries out scenarios on one provider, which its owner has entered."""

    def __init__(
        self, provider: VmProvider, ledger: Ledger, clock: Clock, groups: ConcurrencyGroups, vm_type: VmType
    ) -> None:
        """Take what a real run would use."""
        self._provider = provider
        self.ledger = ledger
        self.clock = clock
        self.groups = groups
        self.vm_type = vm_type

    async def verify(
        self, scenarios: Mapping[str, Scenario], on_result: Callable[[ScenarioResult], None]
    ) -> Verdict:
        """Carry out every scenario, telling each result as it comes.

        Raises:
            HostError: this machine cannot run VMs, so that nothing can be shown either way.
        """
        results = []
        for name, scenario in scenarios.items():
            result = await self._carry_out(name, scenario)
            on_result(result)
            results.append(result)
        return Verdict(self._provider.name, tuple(results))

    @asynccontextmanager
    async def experiment(self, limits: SessionLimits, *, meet: int = 0) -> AsyncIterator[Experiment]:
        """Set up a scenario; with `meet`, that many allocations wait for each other before they are handed out."""
        witness = WitnessProvider(self._provider, meeting=_Meeting(meet) if meet else None)
        async with SessionManager(witness, self.ledger, self.clock, limits) as manager:
            experiment = Experiment(witness, manager, self)
            yield experiment
        experiment.held_afterwards = len(await witness.held_vms())

    def request(self, text: str) -> RunRequest:
        """Plan a workflow as a run of its own."""
        read = read_workflow(text, ".github/workflows/verify.yml")
        if read.workflow is None:
            raise ValueError(f"a scenario's workflow is wrong: {read.diagnostics}")
        labels = LabelTable({"self-hosted": self.vm_type}, self.vm_type)
        event = EventContext(name="push", ref="refs/heads/main", repository="terraphim/verify")
        plan = plan_run(read.workflow, event, Setting(labels=labels))
        return RunRequest(RunId(f"verify-{uuid4().hex[:8]}"), plan, self.vm_type)

    async def _carry_out(self, name: str, scenario: Scenario) -> ScenarioResult:
        started_s = self.clock.monotonic_s()
        try:
            checks = await scenario(self)
        except HostError:  # the claim was not even tried, and the next would end the same way
            raise
        except Exception as error:  # noqa: BLE001  # whatever goes wrong, the claim was not shown
            reason = f"{type(error).__name__}: {_innermost(error)}"
            return ScenarioResult(name, (), self.clock.monotonic_s() - started_s, reason)
        return ScenarioResult(name, checks, self.clock.monotonic_s() - started_s)


class _Meeting:
    """Lets nobody pass before `expected` have come, so that "at the same time" is shown and not left to luck."""

    def __init__(self, expected: int) -> None:
        self._expected = expected
        self._came = 0
        self._complete = anyio.Event()

    async def join(self) -> None:
        self._came += 1
        if self._came >= self._expected:
            self._complete.set()
        with anyio.fail_after(MEETING_DEADLINE_S):
            await self._complete.wait()


def _innermost(error: BaseException) -> BaseException:
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error
