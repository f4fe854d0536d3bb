"""`pool warm` and `pool drain`: what they change, and that nobody waits for what cannot come."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import anyio
import pytest
from tests.contract.descriptor import descriptors
from tests.contract.worker_world import World, a_world

from terraphim_runner.adapters.memory.clock import ManualClock, wait_quiet
from terraphim_runner.domain.errors import InfraError, RestoreFailed, RunnerError, SessionRefused, UsageError
from terraphim_runner.worker.client import ask_status
from terraphim_runner.worker.line_socket import connect

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from terraphim_runner.worker.message import WorkerStatus

pytestmark = pytest.mark.anyio


@pytest.fixture
def clock() -> ManualClock:
    """The worker's time."""
    return ManualClock()


@pytest.fixture
async def world(state_home: Path, repository: Path, clock: ManualClock) -> AsyncIterator[World]:
    async with a_world(state_home, repository, clock) as world:
        yield world


async def answer(world: World, **message: Any) -> WorkerStatus | Exception:
    try:
        return await ask_status(world.settings.state_dir, message)
    except RunnerError as error:
        return error


async def ask(world: World, clock: ManualClock, **message: Any) -> WorkerStatus | Exception:
    """Ask, and let time pass until there is an answer."""
    answers: list[WorkerStatus | Exception] = []

    async def asking() -> None:
        answers.append(await answer(world, **message))

    with anyio.fail_after(30):
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(asking)
            while not answers:
                await clock.advance_s(0.5)
    return answers[0]


async def warm(world: World, clock: ManualClock, count: int | None) -> WorkerStatus:
    status = await ask(world, clock, ask="warm", vm_type=None, count=count)
    assert not isinstance(status, Exception)
    return status


async def test_warm_says_how_many_are_idle_from_now_on_be_it_more_or_fewer(
    world: World, clock: ManualClock
) -> None:
    """Without a number it is the setting again."""
    counts = [(await warm(world, clock, count)).pool.min_idle["default"] for count in (2, 0, None)]

    assert counts == [2, 0, world.settings.pool.min_idle["default"]]


async def test_more_than_there_can_ever_be_are_refused_at_once(world: World, clock: ManualClock) -> None:
    """Nothing has changed then: nobody goes on trying."""
    error = await ask(world, clock, ask="warm", vm_type=None, count=50)
    status = await ask(world, clock, ask="status")

    assert isinstance(error, UsageError)
    assert "50 VMs of at most" in str(error)
    assert not isinstance(status, Exception)
    assert status.pool.min_idle["default"] == world.settings.pool.min_idle["default"]


async def test_a_restore_that_fails_is_told_to_who_waits_for_it(world: World, clock: ManualClock) -> None:
    """The pool goes on trying all the same."""
    world.provider.faults.on_allocate.append(RestoreFailed("no luck"))
    error = await ask(world, clock, ask="warm", vm_type=None, count=1)
    await clock.advance_s(5)

    assert isinstance(error, RestoreFailed)
    assert str(error) == "no luck"
    assert [place.state for place in world.worker.status().pool.places] == ["idle"]


async def test_who_hangs_up_is_not_waited_for(world: World, clock: ManualClock) -> None:
    """No descriptor is left of a `pool warm` that was ended by Ctrl-C before the VMs were there."""
    before = descriptors()
    line = connect(world.settings.state_dir)
    assert line is not None
    line.send({"ask": "warm", "vm_type": None, "count": 1})
    await wait_quiet()
    assert descriptors() == before + 2
    line.close()
    await wait_quiet()

    assert descriptors() == before
    assert world.worker.status().pool.places == ()


async def test_who_warms_a_pool_that_is_drained_then_is_told(world: World, clock: ManualClock) -> None:
    """The VMs that are waited for will not come."""
    answers = []

    async def warming() -> None:
        answers.append(await answer(world, ask="warm", vm_type=None, count=1))

    with anyio.fail_after(30):
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(warming)
            await wait_quiet()
            await answer(world, ask="drain")

    assert isinstance(answers[0], SessionRefused)


async def test_who_drains_a_pool_that_is_warmed_then_has_its_answer(world: World, clock: ManualClock) -> None:
    """Though a VM could not be destroyed in between: there are to be some again."""
    await warm(world, clock, 1)
    world.provider.faults.on_release.append(InfraError("stuck"))
    answers = []

    async def draining() -> None:
        answers.append(await answer(world, ask="drain"))

    with anyio.fail_after(30):
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(draining)
            await wait_quiet()
            assert answers == []
            assert not isinstance(await answer(world, ask="warm", vm_type=None, count=0), Exception)

    assert not isinstance(answers[0], Exception)
