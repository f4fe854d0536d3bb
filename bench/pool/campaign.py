"""`python -m bench.pool.campaign`: runs through a pool of two real VMs, with failures at random.

Every VM is searched for traces of earlier tenants when it is handed out, and then littered with new ones. At the
end the ledger must be balanced and no VMM left.
"""

from __future__ import annotations

import argparse
import logging
import os
import random
import signal
import sys
import tempfile
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import anyio
import structlog
from bench.faults import leftover
from bench.pool.site import VM_TYPE, limits, make_provider, run_script

from terraphim_runner.adapters.concurrency_directory import ConcurrencyDirectory
from terraphim_runner.adapters.ledger_file import LedgerFile
from terraphim_runner.adapters.system_clock import SystemClock
from terraphim_runner.domain.errors import RunnerError
from terraphim_runner.domain.event import StepStarted, VmAllocated
from terraphim_runner.domain.ident import VmId
from terraphim_runner.executor.cancellation import Cancellation
from terraphim_runner.executor.executor import WorkflowExecutor
from terraphim_runner.pool.pool import VmPool
from terraphim_runner.session.manager import SessionLimits, SessionManager
from terraphim_runner.verification.laboratory import Laboratory
from terraphim_runner.verification.script import workflow_text

if TYPE_CHECKING:
    from terraphim_runner.adapters.qemu.provider import QemuProvider
    from terraphim_runner.domain.event import RunEvent
    from terraphim_runner.ports.vm import Allocation, AllocationRequest

_SCRIPTS = {
    "none": "true",
    "step fails": "exit 3",
    "guest kernel panics": "echo c | sudo tee /proc/sysrq-trigger; sleep 20",
    "VMM killed": "sleep 60",
    "idle VMM killed": "true",
    "stopped in good order": "sleep 60",
    "stopped at once": "sleep 60",
}
_WEIGHTS = {"none": 5}
# The mark is written in two parts, so that the search does not find itself.
_LOOK = """mark=left-by; mark="$mark-a-tenant"
found=$(find / /tmp /dev/shm /run /home /var -xdev -name "$mark*" 2>/dev/null
        grep -l "left-by-a-tenan[t]" /proc/[0-9]*/environ /proc/[0-9]*/cmdline 2>/dev/null)
[ -z "$found" ] || { echo "$found"; exit 1; }"""
_LITTER = """for d in / /tmp /dev/shm /run /home/runner /var/tmp; do echo x >"$d/left-by-a-tenant-$$"; done
setsid bash -c 'exec -a left-by-a-tenant sleep 10000' >/dev/null 2>&1 </dev/null & """


class InspectedPool(VmPool):
    """Searches every VM that is handed out, and litters it."""

    hand_overs = 0
    reused = 0
    contaminated: list[str]

    async def allocate(self, request: AllocationRequest) -> Allocation:
        """Hand out, inspect, litter."""
        allocation = await super().allocate(request)
        try:
            is_clean, found = await run_script(allocation.vm, _LOOK)
            await run_script(allocation.vm, _LITTER)
        except BaseException:
            with anyio.CancelScope(shield=True):
                await self.release(allocation.vm.id)
            raise
        self.hand_overs += 1
        self.reused += allocation.is_reused_slot
        if not is_clean:
            self.contaminated.append(f"{allocation.vm.id}: {found}")
        return allocation


@dataclass
class _Listener:
    vm_id: VmId | None = None
    is_running: anyio.Event = field(default_factory=anyio.Event)

    def emit(self, event: RunEvent) -> None:
        if isinstance(event, VmAllocated):
            self.vm_id = VmId.parse(event.vm_id)
        if isinstance(event, StepStarted):
            self.is_running.set()


@dataclass
class _Campaign:
    chance: random.Random
    provider: QemuProvider
    pool: InspectedPool
    sessions: SessionManager
    laboratory: Laboratory
    endings: Counter[str] = field(default_factory=Counter)

    async def run(self, fault: str) -> None:
        """Carry out one run with one fault."""
        if fault == "idle VMM killed":
            self._kill_idle()
        listener, cancellation = _Listener(), Cancellation()
        laboratory = self.laboratory
        executor = WorkflowExecutor(
            self.sessions, laboratory.ledger, laboratory.clock, listener, laboratory.groups
        )
        ending = "stopped"
        with anyio.CancelScope() as scope:
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(self._act, fault, listener, cancellation, scope)
                try:
                    request = laboratory.request(workflow_text(["true", _SCRIPTS[fault]]))
                    ending = (await executor.execute_workflow(request, cancellation)).conclusion.value
                except RunnerError as error:
                    ending = type(error).__name__
                tasks.cancel_scope.cancel()
        self.endings[f"{fault}: {ending}"] += 1

    async def _act(
        self, fault: str, listener: _Listener, cancellation: Cancellation, scope: anyio.CancelScope
    ) -> None:
        await listener.is_running.wait()
        await self.laboratory.clock.sleep_s(self.chance.uniform(0.0, 1.0))
        match fault:
            case "VMM killed" if listener.vm_id is not None:
                self._kill(listener.vm_id)
            case "stopped in good order":
                cancellation.request()
            case "stopped at once":
                scope.cancel()
            case _:
                pass

    def _kill_idle(self) -> None:
        idle = [place.vm_id for place in self.pool.status().places if place.state == "idle" and place.vm_id]
        if idle:
            self._kill(VmId.parse(self.chance.choice(idle)))

    def _kill(self, vm_id: VmId) -> None:
        with suppress(OSError, ValueError):
            pid = int((self.provider.slot_dir(vm_id) / "vmm").read_text().split()[0])
            os.kill(pid, signal.SIGKILL)


async def _carry_out(options: argparse.Namespace, directory: Path) -> list[str]:
    chance = random.Random(options.seed)
    state = directory / "terraphim-runner"
    state.mkdir()
    clock = SystemClock()
    faults = chance.choices(list(_SCRIPTS), [_WEIGHTS.get(name, 1) for name in _SCRIPTS], k=options.runs)
    with LedgerFile(state) as ledger:
        provider = make_provider(directory)
        pool = InspectedPool(provider, clock, limits(min_idle=2, max_total=2))
        pool.contaminated = []
        async with pool, SessionManager(pool, ledger, clock, SessionLimits(max_concurrent_sessions=2)) as sessions:
            laboratory = Laboratory(pool, ledger, clock, ConcurrencyDirectory(state, clock), VM_TYPE)
            campaign = _Campaign(chance, provider, pool, sessions, laboratory)
            limiter = anyio.CapacityLimiter(4)
            async with anyio.create_task_group() as tasks:
                for fault in faults:
                    tasks.start_soon(_one, limiter, campaign, fault)
        for ending, number in sorted(campaign.endings.items()):
            print(f"{number:4}  {ending}")
        counts = leftover.count_sessions(state / "ledger.jsonl")
        print(f"{pool.hand_overs} hand-overs searched, {pool.reused} of them in a slot that was used before")
        print(f"ledger: {dict(counts)}")
    wrong = [*pool.contaminated, *leftover.unbalanced_sessions(state / "ledger.jsonl")]
    return wrong + [f"VMM {path.name} is left" for path in _vmms(directory)]


async def _one(limiter: anyio.CapacityLimiter, campaign: _Campaign, fault: str) -> None:
    async with limiter:
        await campaign.run(fault)


def _vmms(directory: Path) -> list[Path]:
    return [process for process in Path("/proc").glob("[0-9]*") if _is_of(process, directory)]


def _is_of(process: Path, directory: Path) -> bool:
    with suppress(OSError):
        words = (process / "cmdline").read_bytes()
        mark = f"XDG_STATE_HOME={directory}".encode()
        return b"qemu-system" in words and mark in (process / "environ").read_bytes()
    return False


def main() -> int:
    """Run the campaign; the exit status is 1 if anything is wrong."""
    parser = argparse.ArgumentParser(prog="python -m bench.pool.campaign", description=__doc__)
    parser.add_argument("--runs", type=int, default=200)
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(1_000_000))
    options = parser.parse_args()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.ERROR))
    print(f"seed {options.seed}", flush=True)
    with tempfile.TemporaryDirectory(prefix="terraphim-pool-", dir="/var/tmp") as directory:
        os.environ["XDG_STATE_HOME"] = directory  # what every VMM inherits, so that it can be found
        wrong = anyio.run(partial(_carry_out, options, Path(directory)))
    for each in wrong:
        print(f"wrong: {each}")
    print("failed" if wrong else f"passed: {options.runs} runs, nothing is left")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
