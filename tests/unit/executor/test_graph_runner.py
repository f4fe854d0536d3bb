"""Runs with several jobs on the scripted provider: parallel legs, time, cancellation, calls."""

from __future__ import annotations

import anyio
import pytest
from tests.unit.executor.graph_world import (
    ALWAYS,
    ENDLESS,
    FAIL,
    STUBBORN,
    a_job,
    a_workflow,
    cancel,
    graph_world,
    lasting,
)

from terraphim_runner.adapters.memory.vm import Behaviour
from terraphim_runner.domain.conclusion import Conclusion
from terraphim_runner.domain.errors import InfraError, WorkflowError
from terraphim_runner.domain.event import (
    Annotation,
    JobFinished,
    JobStarted,
    Notice,
    StepFinished,
    VmAllocated,
)
from terraphim_runner.ports.vm import Breach, ExitStatus, Limit, Stream

pytestmark = pytest.mark.anyio


async def test_jobs_run_side_by_side_up_to_the_machines_processors() -> None:
    """Three jobs of ten seconds on two processors take twenty; every job's events keep their order."""
    async with graph_world(cpus=2, x=lasting(10.0)) as world, anyio.create_task_group() as tasks:
        tasks.start_soon(world.run, a_workflow(a=a_job("x"), b=a_job("x"), c=a_job("x")))
        await world.clock.advance_s(9.0)
        assert [event.job for event in world.of(JobStarted)] == ["a", "b"]
        await world.clock.advance_s(11.0)

        assert world.result.duration_s == 20.0
        assert [job.key for job in world.result.jobs] == ["a", "b", "c"]
        for key in "abc":
            kinds = [type(event).__name__ for event in world.events if getattr(event, "job", None) == key]
            assert kinds == ["JobStarted", "StepStarted", "StepFinished", "JobFinished"]


@pytest.mark.parametrize(("max_parallel_jobs", "duration_s"), [(1, 30.0), (2, 20.0), (8, 20.0)])
async def test_a_setting_lowers_how_many_jobs_run_at_once(max_parallel_jobs: int, duration_s: float) -> None:
    """It never asks more of the machine than it has processors."""
    async with graph_world(cpus=2, x=lasting(10.0)) as world, anyio.create_task_group() as tasks:
        world.max_parallel_jobs = max_parallel_jobs
        tasks.start_soon(world.run, a_workflow(a=a_job("x"), b=a_job("x"), c=a_job("x")))
        await world.clock.advance_s(duration_s)

        assert world.result.duration_s == duration_s


@pytest.mark.parametrize(("max_parallel_jobs", "sharers"), [(None, [2, 2, 1]), (1, [1, 1, 1])])
async def test_a_jobs_root_shares_with_as_many_as_may_run_at_once(
    max_parallel_jobs: int | None, sharers: list[int]
) -> None:
    """So no two jobs are promised the same memory; one that must be alone has all of it."""
    async with graph_world(cpus=2) as world:
        world.max_parallel_jobs = max_parallel_jobs
        await world.run(a_workflow(a=a_job("x"), b=a_job("x"), c=a_job("x", "needs: [a, b]")))

    specs = world.provider.vms[0].root_specs
    assert [(spec.memory_mib, spec.sharers) for spec in specs] == [(None, each) for each in sharers]


async def test_a_slow_job_holds_up_only_those_that_need_it() -> None:
    async with graph_world(slow=lasting(60.0)) as world, anyio.create_task_group() as tasks:
        text = a_workflow(a=a_job("slow"), b=a_job("b"), c=a_job("c", "needs: b"), d=a_job("d", "needs: a"))
        tasks.start_soon(world.run, text)
        await world.clock.advance_s(59.0)

        assert world.scripts == ["slow", "b", "c"]
        await world.clock.advance_s(1.0)
        assert world.scripts[-1] == "d"


async def test_results_are_in_the_plans_order_whatever_ended_first() -> None:
    async with graph_world(slow=lasting(5.0)) as world, anyio.create_task_group() as tasks:
        tasks.start_soon(world.run, a_workflow(a=a_job("slow"), b=a_job("b")))
        await world.clock.advance_s(5.0)

        assert [event.job for event in world.of(JobFinished)] == ["b", "a"]
        assert [job.key for job in world.result.jobs] == ["a", "b"]


_MATRIX = "strategy: {matrix: {n: [bad, slow, later]}}"


async def test_fail_fast_stops_a_sibling_that_runs_and_its_always_steps_still_run() -> None:
    async with graph_world(bad=FAIL, slow=ENDLESS) as world, anyio.create_task_group() as tasks:
        tasks.start_soon(world.run, a_workflow(a=a_job("${{ matrix.n }}", _MATRIX, ALWAYS)))
        await world.clock.advance_s(1.0)

        assert world.endings() == {"a (bad)": "failure", "a (slow)": "cancelled", "a (later)": "cancelled"}
        assert world.reason("a (slow)") == world.reason("a (later)") == "another leg failed (fail-fast): a (bad)"
        assert world.scripts == ["bad", "slow", "tidy", "tidy"]
        assert world.result.conclusion is Conclusion.FAILURE


async def test_a_tolerated_leg_does_not_stop_its_siblings() -> None:
    keys = _MATRIX + "\ncontinue-on-error: ${{ matrix.n == 'bad' }}"
    async with graph_world(bad=FAIL) as world:
        await world.run(a_workflow(a=a_job("${{ matrix.n }}", keys), b=a_job("b", "needs: a")))

    assert world.endings() == {"a (bad)": "failure", "a (slow)": "success", "a (later)": "success", "b": "success"}
    assert world.result.conclusion is Conclusion.SUCCESS


async def test_a_job_that_takes_too_long_is_cancelled_with_the_reason() -> None:
    """GitHub calls such a job cancelled, not failed; fractions of a minute count."""
    async with graph_world(slow=ENDLESS) as world, anyio.create_task_group() as tasks:
        tasks.start_soon(
            world.run,
            a_workflow(a=a_job("slow", "timeout-minutes: 0.25", ALWAYS), b=a_job("b", "needs: a")),
        )
        await world.clock.advance_s(14.0)
        assert world.results == []
        await world.clock.advance_s(1.0)

        assert world.endings() == {"a": "cancelled", "b": "skipped"}
        assert world.reason("a") == "it took longer than 0.25 minutes"
        assert world.reason("b") == "it needs a, which was cancelled"
        assert world.scripts == ["slow", "tidy"]


@pytest.mark.parametrize(("keys", "patience_s"), [("", 300.0), ("cancel-timeout-minutes: 0.5", 30.0)])
async def test_a_cancelled_job_has_so_long_for_its_always_steps(keys: str, patience_s: float) -> None:
    """What does not end by itself then is killed, and no step begins any more."""
    async with graph_world(slow=ENDLESS, tidy=STUBBORN) as world, anyio.create_task_group() as tasks:
        tasks.start_soon(world.run, a_workflow(a=a_job("slow", keys, ALWAYS, "{run: more, if: always()}")))
        await anyio.wait_all_tasks_blocked()
        world.cancellation.request()
        await world.clock.advance_s(patience_s - 1)
        assert world.results == []
        await world.clock.advance_s(1.0)

        assert world.result.conclusion is Conclusion.CANCELLED
        assert world.scripts == ["slow", "tidy"]
        outcomes = [(event.outcome.value, event.exit_code) for event in world.of(StepFinished)]
        assert outcomes == [("cancelled", 130), ("cancelled", 137), ("skipped", None)]


async def test_a_cancelled_run_lets_jobs_run_that_say_so() -> None:
    """As on GitHub: a job with `always()` is not stopped, and one with `cancelled()` begins."""
    async with graph_world(cpus=3, slow=ENDLESS, x=lasting(60.0)) as world, anyio.create_task_group() as tasks:
        text = a_workflow(
            a=a_job("slow"),
            b=a_job("x", "if: always()"),
            c=a_job("c", "needs: a"),
            d=a_job("d", "needs: a\nif: cancelled()"),
        )
        tasks.start_soon(world.run, text)
        await anyio.wait_all_tasks_blocked()
        world.cancellation.request()
        await world.clock.advance_s(60.0)

        assert world.endings() == {"a": "cancelled", "b": "success", "c": "skipped", "d": "success"}
        assert world.reason("c") == "the run was cancelled"
        assert world.result.conclusion is Conclusion.CANCELLED
        assert world.result.reason == "the run was cancelled"


async def test_a_job_that_outlives_a_cancelled_run_has_the_same_time_as_the_others() -> None:
    """GitHub ends everything then, `always()` or not."""
    async with graph_world(slow=STUBBORN) as world, anyio.create_task_group() as tasks:
        tasks.start_soon(world.run, a_workflow(a=a_job("slow", "if: always()\ncancel-timeout-minutes: 1", ALWAYS)))
        await anyio.wait_all_tasks_blocked()
        world.cancellation.request()
        await world.clock.advance_s(59.0)
        assert world.results == []
        await world.clock.advance_s(1.0)

        assert world.endings() == {"a": "cancelled"}
        assert world.scripts == ["slow"]


async def test_a_cancelled_run_is_cancelled_whatever_else_happened() -> None:
    """Also where a step fails that runs nevertheless; GitHub says so too."""
    async with graph_world(slow=ENDLESS, tidy=FAIL) as world, anyio.create_task_group() as tasks:
        await cancel(world, tasks, a_workflow(a=a_job("slow", "", ALWAYS)))

        assert world.result.conclusion is Conclusion.CANCELLED
        assert [step.conclusion.value for step in world.result.jobs[0].steps] == ["cancelled", "failure"]


_TWO_STEPS = a_workflow(a=a_job("one", "", ALWAYS))


async def test_p3_a_run_cancelled_while_its_vm_is_being_allocated_has_none() -> None:
    async with graph_world(allocation_s=10.0) as world, anyio.create_task_group() as tasks:
        await cancel(world, tasks, _TWO_STEPS)

        assert (world.result.conclusion, world.result.allocations) == (Conclusion.CANCELLED, 0)
        assert world.of(VmAllocated) == []


@pytest.mark.parametrize(
    ("stage", "scripts"),
    [
        ("set_up", ["tidy"]),
        ("one", ["one", "tidy"]),
        ("tidy", ["one", "tidy"]),
        ("clean_up", ["one", "tidy"]),
    ],
)
async def test_p3_a_run_cancelled_at_any_stage_of_a_job_is_cancelled_tidied_and_released(
    stage: str, scripts: list[str]
) -> None:
    """Whatever takes ten seconds when it happens: `always()` steps run, the VM is released once."""
    slow = {} if stage == "set_up" else {stage: lasting(10.0)}
    set_up_s = 10.0 if stage == "set_up" else 0.0
    async with graph_world(slow, set_up_s=set_up_s) as world, anyio.create_task_group() as tasks:
        await cancel(world, tasks, _TWO_STEPS)

        assert world.result.conclusion is Conclusion.CANCELLED
        assert world.scripts == scripts
        assert (world.result.allocations, world.result.releases) == (1, 1)
        assert world.result.error is None


async def test_a_set_up_that_hangs_is_given_up_when_the_run_is_cancelled() -> None:
    """After the time for ending in good order and a little more."""
    async with graph_world(set_up_s=1000.0) as world, anyio.create_task_group() as tasks:
        tasks.start_soon(world.run, a_workflow(a=a_job("one", "cancel-timeout-minutes: 1")))
        await anyio.wait_all_tasks_blocked()
        world.cancellation.request()
        await world.clock.advance_s(89.0)
        assert world.results == []
        await world.clock.advance_s(1.0)

        assert world.endings() == {"a": "cancelled"}
        assert world.reason("a") == "the run was cancelled; it did not end by itself"


async def test_p6_a_lost_vm_ends_every_job_with_that_reason_and_keeps_what_was_done() -> None:
    async with graph_world(cpus=2, slow=ENDLESS, gone=Behaviour(loses_vm=True)) as world:
        text = a_workflow(
            a=a_job("a"),
            b=a_job("slow", "needs: a"),
            c=a_job("gone", "needs: a"),
            d=a_job("d", "needs: b"),
        )
        await world.run(text)

    assert world.endings() == {"a": "success", "b": "failure", "c": "failure", "d": "cancelled"}
    assert "virtual machine is gone" in (world.reason("b") or "")
    assert "virtual machine is gone" in (world.reason("c") or "")
    assert (world.reason("d") or "").startswith("the run ended early")
    assert world.result.error is not None


async def test_outputs_that_hold_a_secret_do_not_leave_the_job() -> None:
    """As on GitHub, with a warning."""
    mask = Behaviour(
        output=((Stream.STDOUT, b"::add-mask::s3cret\n"),), files={"GITHUB_OUTPUT": b"x=a s3cret\ny=fine\n"}
    )
    outputs = "outputs: {x: '${{ steps.s.outputs.x }}', y: '${{ steps.s.outputs.y }}'}"
    async with graph_world(leak=mask) as world:
        text = a_workflow(
            a=a_job("leak\n        id: s", outputs),
            b=a_job("got ${{ toJSON(needs.a.outputs) }}", "needs: a"),
        )
        await world.run(text)

    assert "s3cret" not in world.scripts[-1]
    assert "fine" in world.scripts[-1]
    assert [event.message for event in world.of(Notice)] == [
        "a: the output 'x' is left out, for it may contain a secret"
    ]


_LIBRARY = """\
on:
  workflow_call:
    inputs: {who: {type: string}}
    secrets: {key: {required: true}}
    outputs: {said: {value: '${{ jobs.say.outputs.text }}'}}
env: {COLOUR: blue}
jobs:
  say:
    runs-on: ubuntu-latest
    outputs: {text: '${{ steps.s.outputs.text }}'}
    steps:
      - id: s
        run: 'say ${{ inputs.who }} ${{ env.COLOUR }} ${{ secrets.key }}-${{ secrets.KEY2 }} ${{ vars.PLACE }}'
"""


async def test_a_called_workflow_runs_in_the_same_vm_with_its_inputs_secrets_and_outputs() -> None:
    call = "    uses: ./.github/workflows/lib.yml\n    with: {who: me}\n    secrets: {key: '${{ secrets.KEY }}'}\n"
    said = Behaviour(files={"GITHUB_OUTPUT": b"text=hello\n"})
    async with graph_world({"say me blue s3cret- here": said}) as world:
        text = a_workflow(
            head="env: {COLOUR: red}\n",
            call=call,
            b=a_job("heard ${{ needs.call.outputs.said }}", "needs: call"),
        )
        await world.run(text, lib=_LIBRARY)

    assert world.scripts == ["say me blue s3cret- here", "heard hello"]
    assert world.endings() == {"call / say": "success", "b": "success"}
    assert world.result.allocations == 1


async def test_p8_a_secret_that_a_call_computes_is_hidden_too() -> None:
    """Nobody knew it before: it is not the value of any secret of the run."""
    computed = "${{ format('{0}{1}', 'der', 'ived') }}"
    call = f'    uses: ./.github/workflows/lib.yml\n    secrets: {{key: "{computed}"}}\n'
    said = Behaviour(output=((Stream.STDOUT, b"this is derived\n"),), files={"GITHUB_OUTPUT": b"text=derived\n"})
    async with graph_world({"say  blue derived- here": said}) as world:
        await world.run(a_workflow(call=call), lib=_LIBRARY)

    assert "derived" in world.scripts[0]
    assert "derived" not in repr(world.events)
    assert "this is ***" in repr(world.events)


async def test_a_job_that_met_a_limit_fails_alone_with_that_reason_and_an_annotation() -> None:
    """One that got on all the same is only warned."""
    killed = Breach(Limit.MEMORY, allowed=512, count=1)
    greedy = Behaviour(status=ExitStatus(code=137), breaches=(killed,))
    async with graph_world(greedy=greedy, lucky=Behaviour(breaches=(killed,))) as world:
        await world.run(a_workflow(a=a_job("greedy"), b=a_job("lucky"), c=a_job("c")))

    assert world.endings() == {"a": "failure", "b": "success", "c": "success"}
    told = "out of memory: 1 process was killed at the job's limit of 512 MiB"
    assert world.reason("a") == f"{told} (step 1 failed: Run greedy)"
    assert world.reason("b") is None
    assert [(each.job, each.step, each.level.value, each.message) for each in world.of(Annotation)[-2:]] == [
        ("a", 1, "error", told),
        ("b", 1, "warning", told),
    ]


async def test_p7_what_a_called_workflow_asks_for_is_refused_by_its_file_and_line() -> None:
    """Once, however often it is called; no VM is asked for."""
    library = "on: workflow_call\njobs:\n" + "  say:\n" + a_job("x", "container: debian")
    call = "    uses: ./.github/workflows/lib.yml\n"
    async with graph_world() as world:
        with pytest.raises(WorkflowError) as refused:
            await world.run(a_workflow(a=call, b=call), lib=library)

    assert [str(each) for each in refused.value.diagnostics] == [
        ".github/workflows/lib.yml:4:16: terraphim-runner does not run job containers yet"
    ]
    assert world.ledger.entries() == []


async def test_p6_a_root_that_cannot_be_made_ends_the_run_loudly_and_the_other_jobs_in_good_order() -> None:
    """What was done stays in the result."""
    async with graph_world(cpus=3, slow=ENDLESS, x=lasting(1.0)) as world, anyio.create_task_group() as tasks:
        text = a_workflow(
            a=a_job("slow", "", ALWAYS),
            b=a_job("x"),
            c=a_job("c", "needs: b"),
            d=a_job("d", "needs: c\nif: always()"),
        )
        tasks.start_soon(world.run, text)
        await anyio.wait_all_tasks_blocked()
        world.provider.vms[0].root_faults.append(InfraError("no room for a root"))
        await world.clock.advance_s(1.0)

        assert world.endings() == {"a": "cancelled", "b": "success", "c": "failure", "d": "cancelled"}
        assert world.reason("c") == "the VM failed: no room for a root"
        assert world.reason("a") == world.reason("d") == "the run ended early: no room for a root"
        assert world.scripts == ["slow", "x", "tidy"]
        assert world.result.error == "no room for a root"
        assert world.result.conclusion is Conclusion.FAILURE
