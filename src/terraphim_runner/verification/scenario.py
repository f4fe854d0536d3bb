"""The five scenarios that prove the allocation claims.

Each runs real workflows through the real engine on the provider under test, and holds three independent accounts
beside each other: what a witness around the provider saw, what the ledger recorded, and what the guests
themselves said about which machine they are.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING
from uuid import uuid4

import anyio

from terraphim_runner.domain.conclusion import Conclusion
from terraphim_runner.domain.errors import SessionRefused
from terraphim_runner.session.admission import WhenFull
from terraphim_runner.session.manager import SessionLimits
from terraphim_runner.verification.evidence import Check
from terraphim_runner.verification.script import guest_identity, leave_traces, look_for_traces, workflow_text
from terraphim_runner.verification.witness import Sight

if TYPE_CHECKING:
    from collections.abc import Sequence

    from terraphim_runner.verification.laboratory import Experiment, Laboratory, Observation

Scenario = Callable[["Laboratory"], Awaitable[tuple[Check, ...]]]

_PARALLEL_STEPS = (5, 3, 7)
_REQUESTS = 50
_LIMIT = 2
_NO_TRACES = ["file=no", "process=no", "secret=no"]
_ALL_TRACES = ["file=yes", "process=yes", "secret=yes"]
_LEFT = _NO_TRACES + _ALL_TRACES


async def one_workflow(laboratory: Laboratory) -> tuple[Check, ...]:
    """Set-up, five steps and clean-up happen in one VM that is allocated once and released once."""
    return await _single_run(laboratory, steps=5)


async def ten_steps(laboratory: Laboratory) -> tuple[Check, ...]:
    """Twelve of twelve commands are in one VM; nothing is allocated between the first and the last."""
    return await _single_run(laboratory, steps=10)


async def three_in_parallel(laboratory: Laboratory) -> tuple[Check, ...]:
    """Three workflows at the same time have three VMs, and share none."""
    async with laboratory.experiment(SessionLimits(max_concurrent_sessions=3), meet=3) as experiment:
        runs = await _all(experiment, [workflow_text([guest_identity()] * steps) for steps in _PARALLEL_STEPS])
    identities = [run.said("identity") for run in runs]
    return (
        Check(
            "all three succeeded", [Conclusion.SUCCESS.value] * 3, [run.result.conclusion.value for run in runs]
        ),
        Check("allocations", 3, experiment.count(Sight.ALLOCATED)),
        Check("different VMs", 3, len(experiment.vms())),
        Check("VMs held at the same time", 3, experiment.most_held()),
        Check("commands in each VM", sorted(s + 2 for s in _PARALLEL_STEPS), sorted(experiment.commands_by_vm())),
        Check("machines the guests saw, per run", [1, 1, 1], [len(set(said)) for said in identities]),
        Check("machines the guests saw, together", 3, len({name for said in identities for name in said})),
        Check("releases", 3, experiment.count(Sight.RELEASED)),
        *_balance(experiment, runs),
    )


async def one_after_the_other(laboratory: Laboratory) -> tuple[Check, ...]:
    """Two workflows in one slot: the second has a fresh VM there, without anything of the first.

    Jobs have roots of their own, so that a job that finds nothing proves little: traces are left, and looked for,
    in the VM's own root too; by another name, for what is in that root stands in the jobs' roots as well.
    """
    token, own = uuid4().hex, uuid4().hex
    async with laboratory.experiment(SessionLimits(max_concurrent_sessions=1)) as experiment:
        experiment.ask_each_vm(look_for_traces(own) + leave_traces(own) + look_for_traces(own))
        first = await experiment.run(workflow_text([leave_traces(token), look_for_traces(token)]))
        second = await experiment.run(workflow_text([look_for_traces(token)]))
    seen = [sighting for sighting in experiment.sightings if sighting.sight is Sight.ALLOCATED]
    slots = {sighting.vm_id.slot for sighting in seen if sighting.vm_id}
    return (
        Check("both succeeded", ["success", "success"], [r.result.conclusion.value for r in (first, second)]),
        Check("allocations", 2, len(seen)),
        Check("slots used", 1, len(slots)),
        Check("the second reuses the slot", True, bool(seen) and seen[-1].is_reused_slot),
        Check("different VMs", 2, len(experiment.vms())),
        Check("traces the first finds of itself", _ALL_TRACES, first.said("found")),
        Check("traces the second finds of the first", _NO_TRACES, second.said("found")),
        Check(
            "traces in each VM itself, before some are left and after", [_LEFT] * 2, experiment.answers("found")
        ),
        Check("releases", 2, experiment.count(Sight.RELEASED)),
        *_balance(experiment, [first, second]),
    )


async def limit_of_two(laboratory: Laboratory) -> tuple[Check, ...]:
    """Fifty requests at once under a limit of two: never three VMs; all are served, or 48 refused, by setting."""
    waiting = SessionLimits(max_concurrent_sessions=_LIMIT)
    async with laboratory.experiment(waiting) as experiment:
        runs = await _all(experiment, [workflow_text(["true"])] * _REQUESTS)
    refusing = SessionLimits(max_concurrent_sessions=_LIMIT, when_full=WhenFull.REFUSE)
    async with laboratory.experiment(refusing, meet=_LIMIT) as strict:
        refused = await _count_refused(strict)
    served = sum(run.result.conclusion is Conclusion.SUCCESS for run in runs)
    return (
        Check("waiting: served", _REQUESTS, served),
        Check("waiting: VMs held at the same time", _LIMIT, experiment.most_held()),
        Check("waiting: allocations", _REQUESTS, experiment.count(Sight.ALLOCATED)),
        Check("waiting: releases", _REQUESTS, experiment.count(Sight.RELEASED)),
        *_balance(experiment, runs),
        Check("refusing: refused", _REQUESTS - _LIMIT, refused),
        Check("refusing: VMs asked for", _LIMIT, strict.count(Sight.ALLOCATING)),
        Check("refusing: VMs held at the same time", _LIMIT, strict.most_held()),
        Check("refusing: releases", _LIMIT, strict.count(Sight.RELEASED)),
        Check("refusing: VMs held afterwards", 0, strict.held_afterwards),
    )


SCENARIOS: dict[str, Scenario] = {
    "one workflow, set-up + 5 steps + clean-up": one_workflow,
    "three workflows in parallel (5, 3, 7 steps)": three_in_parallel,
    "two workflows one after the other, one slot": one_after_the_other,
    "limit of 2, 50 concurrent requests": limit_of_two,
    "ten steps": ten_steps,
}


async def _single_run(laboratory: Laboratory, *, steps: int) -> tuple[Check, ...]:
    async with laboratory.experiment(SessionLimits()) as experiment:
        run = await experiment.run(workflow_text([guest_identity()] * steps))
    identities = run.said("identity")
    return (
        Check("conclusion", Conclusion.SUCCESS.value, run.result.conclusion.value),
        Check("allocations", 1, experiment.count(Sight.ALLOCATED)),
        Check("commands (set-up, steps, clean-up)", steps + 2, experiment.count(Sight.COMMAND)),
        Check("VMs the commands ran in", 1, len(experiment.vms_of_commands())),
        Check("steps that said which machine they are in", steps, len(identities)),
        Check("machines the guest saw", 1, len(set(identities))),
        Check("allocations after the first command", 0, experiment.allocations_after_first_command()),
        Check("releases", 1, experiment.count(Sight.RELEASED)),
        *_balance(experiment, [run]),
    )


def _balance(experiment: Experiment, runs: Sequence[Observation]) -> tuple[Check, ...]:
    return (
        Check("VMs held afterwards", 0, experiment.held_afterwards),
        Check("ledger: allocations", len(runs), sum(run.result.allocations for run in runs)),
        Check("ledger: releases", len(runs), sum(run.result.releases for run in runs)),
    )


async def _all(experiment: Experiment, texts: Sequence[str]) -> list[Observation]:
    runs: list[Observation | None] = [None] * len(texts)

    async def run(position: int) -> None:
        runs[position] = await experiment.run(texts[position])

    async with anyio.create_task_group() as tasks:
        for position in range(len(texts)):
            tasks.start_soon(run, position)
    return [each for each in runs if each is not None]


async def _count_refused(experiment: Experiment) -> int:
    refused = 0
    everybody_asked = anyio.Event()

    async def ask(asked: list[None]) -> None:
        nonlocal refused
        asked.append(None)
        if len(asked) == _REQUESTS:
            everybody_asked.set()
        try:
            async with experiment.session():
                await everybody_asked.wait()
        except SessionRefused:
            refused += 1

    asked: list[None] = []
    async with anyio.create_task_group() as tasks:
        for _ in range(_REQUESTS):
            tasks.start_soon(ask, asked)
    return refused
