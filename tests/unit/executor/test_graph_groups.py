"""Runs and jobs in concurrency groups, on the scripted provider."""

from __future__ import annotations

import anyio
import pytest
from tests.unit.executor.graph_world import (
    ALWAYS,
    ENDLESS,
    a_job,
    a_workflow,
    cancel,
    graph_world,
    lasting,
)

from terraphim_runner.domain.conclusion import Conclusion
from terraphim_runner.domain.concurrency import Newcomer
from terraphim_runner.domain.event import (
    ConcurrencyQueued,
    VmAllocated,
)

pytestmark = pytest.mark.anyio

_GROUP = "concurrency: deploy\n"


async def test_a_run_waits_for_its_group_before_it_has_a_vm_and_says_for_whom() -> None:
    async with graph_world() as world, anyio.create_task_group() as tasks:
        async with world.groups.join("octo/hello deploy", Newcomer("other", "run 7")):
            tasks.start_soon(world.run, a_workflow(head=_GROUP, a=a_job("a")))
            await anyio.wait_all_tasks_blocked()

            assert [(event.group, event.holder) for event in world.of(ConcurrencyQueued)] == [("deploy", "run 7")]
            assert world.of(VmAllocated) == []
        await anyio.wait_all_tasks_blocked()
        assert world.result.conclusion is Conclusion.SUCCESS


async def test_a_run_whose_place_in_the_queue_is_taken_ends_cancelled_with_that_reason() -> None:
    async with graph_world() as world, anyio.create_task_group() as tasks:
        async with world.groups.join("octo/hello deploy", Newcomer("other", "run 7")):
            tasks.start_soon(world.run, a_workflow(head=_GROUP, a=a_job("a")))
            await anyio.wait_all_tasks_blocked()
            async with world.groups.join("octo/hello deploy", Newcomer("next", "run 9")):
                await anyio.wait_all_tasks_blocked()

        assert (world.result.conclusion, world.result.allocations) == (Conclusion.CANCELLED, 0)
        assert world.result.reason == "run 9 took its place in the queue of the concurrency group deploy"


async def test_a_run_that_waits_for_its_group_can_be_cancelled() -> None:
    async with (
        graph_world() as world,
        anyio.create_task_group() as tasks,
        world.groups.join("octo/hello deploy", Newcomer("other", "run 7")),
    ):
        await cancel(world, tasks, a_workflow(head=_GROUP, a=a_job("a")))

        assert (world.result.conclusion, world.result.allocations) == (Conclusion.CANCELLED, 0)


async def test_a_run_is_cancelled_in_good_order_by_one_that_cancels_what_is_in_progress() -> None:
    """The other waits until the `always()` steps are done and the VM is released."""
    async with graph_world(slow=ENDLESS, tidy=lasting(5.0)) as world, anyio.create_task_group() as tasks:
        tasks.start_soon(world.run, a_workflow(head=_GROUP, a=a_job("slow", "", ALWAYS)))
        await anyio.wait_all_tasks_blocked()
        newcomer = Newcomer("next", "run 9", cancel_in_progress=True)
        async with world.groups.join("octo/hello deploy", newcomer) as place:
            await world.clock.advance_s(4.0)
            assert world.results == []
            await world.clock.advance_s(1.0)

            assert world.result.conclusion is Conclusion.CANCELLED
            assert world.result.reason == "run 9 takes over the concurrency group deploy"
            assert world.scripts == ["slow", "tidy"]
            assert place.look()[0].standing.value == "running"


async def test_a_job_that_waits_for_its_group_keeps_the_vm_however_long() -> None:
    """Waiting is no idleness; other jobs go on meanwhile."""
    async with graph_world(cpus=1) as world, anyio.create_task_group() as tasks:
        async with world.groups.join("octo/hello deploy", Newcomer("other", "run 7")):
            tasks.start_soon(world.run, a_workflow(a=a_job("a", "concurrency: deploy"), b=a_job("b")))
            await world.clock.advance_s(500.0)
            assert world.scripts == ["b"]
            assert [(event.job, event.holder) for event in world.of(ConcurrencyQueued)] == [("a", "run 7")]
        await anyio.wait_all_tasks_blocked()

        assert world.endings() == {"a": "success", "b": "success"}


async def test_a_job_is_stopped_by_one_that_cancels_what_is_in_progress_and_its_run_goes_on() -> None:
    async with graph_world(slow=ENDLESS) as world, anyio.create_task_group() as tasks:
        text = a_workflow(a=a_job("slow", "concurrency: deploy", ALWAYS), b=a_job("b", "needs: a\nif: always()"))
        tasks.start_soon(world.run, text)
        await anyio.wait_all_tasks_blocked()
        newcomer = Newcomer("next", "run 9", cancel_in_progress=True)
        async with world.groups.join("octo/hello deploy", newcomer):
            await world.clock.advance_s(1.0)

        assert world.endings() == {"a": "cancelled", "b": "success"}
        assert world.reason("a") == "run 9 takes over the concurrency group deploy"
        assert world.scripts == ["slow", "tidy", "b"]


async def test_a_job_in_the_group_of_its_own_workflow_does_not_wait_for_ever() -> None:
    async with graph_world() as world:
        await world.run(a_workflow(head=_GROUP, a=a_job("a", "concurrency: Deploy"), b=a_job("b")))

    assert world.endings() == {"a": "cancelled", "b": "success"}


async def test_jobs_of_one_group_take_turns() -> None:
    keys = "concurrency: {group: deploy, queue: max}"
    async with graph_world(cpus=4, x=lasting(10.0)) as world, anyio.create_task_group() as tasks:
        tasks.start_soon(world.run, a_workflow(a=a_job("x", keys), b=a_job("x", keys), c=a_job("x", keys)))
        await world.clock.advance_s(30.0)

        assert world.result.duration_s == 30.0
        assert world.result.conclusion is Conclusion.SUCCESS


async def test_of_a_matrix_in_one_group_the_middle_ones_are_replaced() -> None:
    """GitHub's default: one runs, the newest waits."""
    keys = "concurrency: deploy\nstrategy: {fail-fast: false, matrix: {n: [1, 2, 3]}}"
    async with graph_world(cpus=4) as world:
        await world.run(a_workflow(a=a_job("x", keys)))

    assert world.endings() == {"a (1)": "success", "a (2)": "cancelled", "a (3)": "success"}
    assert "took its place in the queue" in (world.reason("a (2)") or "")
    assert world.result.conclusion is Conclusion.CANCELLED


async def test_a_leg_may_be_ended_while_it_enters_its_group() -> None:
    """One sibling fails at once, before the other has begun to wait: both in one go of the schedule."""
    keys = """\
needs: a
strategy: {matrix: {n: [x, y]}}
concurrency: ${{ needs.a.result == 'success' && matrix.n == 'x' && 'g' || '' }}
"""
    async with graph_world() as world:
        await world.run(a_workflow(a=a_job("a"), b=a_job("b", keys), c=a_job("c", "needs: a")))

    assert world.endings() == {"a": "success", "b (x)": "cancelled", "b (y)": "failure", "c": "success"}
    assert world.result.conclusion is Conclusion.FAILURE
