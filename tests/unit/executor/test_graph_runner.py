"""Runs with several jobs on the scripted provider: parallel legs, time, cancellation, groups, calls."""

from __future__ import annotations

from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, TypeVar

import anyio
import pytest

from terraphim_runner.adapters.memory.clock import ManualClock
from terraphim_runner.adapters.memory.concurrency_groups import MemoryConcurrencyGroups
from terraphim_runner.adapters.memory.ledger import MemoryLedger
from terraphim_runner.adapters.memory.provider import MemoryProvider
from terraphim_runner.adapters.memory.vm import Behaviour, Call
from terraphim_runner.domain.conclusion import Conclusion
from terraphim_runner.domain.concurrency import Newcomer
from terraphim_runner.domain.errors import InfraError, WorkflowError
from terraphim_runner.domain.event import (
    Annotation,
    ConcurrencyQueued,
    JobFinished,
    JobStarted,
    Notice,
    RunEvent,
    RunFinished,
    StepFinished,
    VmAllocated,
)
from terraphim_runner.domain.ident import RunId
from terraphim_runner.domain.vm_type import VmType
from terraphim_runner.executor.cancellation import Cancellation
from terraphim_runner.executor.executor import RunRequest, WorkflowExecutor
from terraphim_runner.ports.vm import Breach, ExitStatus, Limit, Stream
from terraphim_runner.session.manager import SessionLimits, SessionManager
from terraphim_runner.workflow.call import WorkflowLoader
from terraphim_runner.workflow.event_context import EventContext
from terraphim_runner.workflow.machine import LabelTable
from terraphim_runner.workflow.plan import Setting, plan_run
from terraphim_runner.workflow.reader import read_workflow

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping

    from anyio.abc import TaskGroup

pytestmark = pytest.mark.anyio

_EVENT = EventContext(name="push", ref="refs/heads/main", sha="1" * 40, repository="octo/hello")
_FAIL = Behaviour(status=ExitStatus(code=3))
_ENDLESS = Behaviour(is_endless=True)
_STUBBORN = Behaviour(is_endless=True, ends_on=frozenset({9}))
_E = TypeVar("_E")


class _World:
    """One run under way, in a clock's hand."""

    def __init__(self, behaviours: Mapping[str, Behaviour], *, cpus: int, allocation_s: float) -> None:
        self._behaviours = behaviours
        self._vm_type = VmType(name="default", image="none", cpus=cpus, memory_mib=64, disk_mib=64)
        self.clock = ManualClock()
        self.ledger = MemoryLedger()
        self.provider = MemoryProvider(self.clock, self._script, allocation_s=allocation_s)
        limits = SessionLimits(idle_timeout_s=50.0)
        self.manager = SessionManager(self.provider, self.ledger, self.clock, limits)
        self.groups = MemoryConcurrencyGroups()
        self.cancellation = Cancellation()
        self.events: list[RunEvent] = []
        self.scripts: list[str] = []
        self.results: list[RunFinished] = []
        self.max_parallel_jobs: int | None = None

    def emit(self, event: RunEvent) -> None:
        self.events.append(event)

    def of(self, kind: type[_E]) -> list[_E]:
        return [event for event in self.events if isinstance(event, kind)]

    @property
    def result(self) -> RunFinished:
        return self.results[0]

    def endings(self) -> dict[str, str]:
        return {job.key: job.conclusion.value for job in self.result.jobs}

    def reason(self, key: str) -> str | None:
        return next(job.reason for job in self.result.jobs if job.key == key)

    async def run(self, text: str, **called: str) -> None:
        executor = WorkflowExecutor(self.manager, self.ledger, self.clock, self, self.groups)
        self.results.append(await executor.execute_workflow(self._request(text, called), self.cancellation))

    def _request(self, text: str, called: Mapping[str, str]) -> RunRequest:
        read = read_workflow(text, ".github/workflows/ci.yml")
        assert read.workflow is not None, [str(each) for each in read.diagnostics]
        files = {f".github/workflows/{name}.yml": content for name, content in called.items()}
        labels = LabelTable({"ubuntu-latest": self._vm_type}, self._vm_type)
        plan = plan_run(read.workflow, _EVENT, Setting(labels=labels, loader=WorkflowLoader(files.get)))
        return RunRequest(
            RunId("run-1"),
            plan,
            self._vm_type,
            secrets={"KEY": "s3cret"},
            variables={"PLACE": "here"},
            max_parallel_jobs=self.max_parallel_jobs,
        )

    def _script(self, call: Call) -> Behaviour:
        script = next((text for path, text in call.command.files.items() if path in call.command.argv), None)
        if script is None:
            kind = "clean_up" if "rm -rf" in call.command.argv[2] else "set_up"
            return self._behaviours.get(kind, Behaviour())
        name = script.decode().strip()
        self.scripts.append(name)
        behaviour = self._behaviours.get(name, Behaviour())
        by_variable = {call.command.env.get(variable, ""): data for variable, data in behaviour.files.items()}
        return replace(behaviour, files=by_variable)


@asynccontextmanager
async def _world(
    named: Mapping[str, Behaviour] | None = None, *, cpus: int = 2, allocation_s: float = 0.0, **more: Behaviour
) -> AsyncIterator[_World]:
    world = _World({**(named or {}), **more}, cpus=cpus, allocation_s=allocation_s)
    async with AsyncExitStack() as stack:
        await stack.enter_async_context(world.provider)
        await stack.enter_async_context(world.manager)
        yield world
        assert await world.provider.held_vms() == []


def _job(run: str, keys: str = "", *more: str) -> str:
    steps = "".join(f"      - {step}\n" for step in (f"run: {run}", *more))
    return (
        "".join(f"    {line}\n" for line in keys.splitlines()) + f"    runs-on: ubuntu-latest\n    steps:\n{steps}"
    )


def _workflow(on: str = "push", head: str = "", **jobs: str) -> str:
    return f"on: {on}\n{head}jobs:\n" + "".join(f"  {name}:\n{text}" for name, text in jobs.items())


def _slow(seconds: float) -> Behaviour:
    return Behaviour(duration_s=seconds)


_ALWAYS = "{run: tidy, if: always()}"


async def test_jobs_run_side_by_side_up_to_the_machines_processors() -> None:
    """Three jobs of ten seconds on two processors take twenty; every job's events keep their order."""
    async with _world(cpus=2, x=_slow(10.0)) as world, anyio.create_task_group() as tasks:
        tasks.start_soon(world.run, _workflow(a=_job("x"), b=_job("x"), c=_job("x")))
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
    async with _world(cpus=2, x=_slow(10.0)) as world, anyio.create_task_group() as tasks:
        world.max_parallel_jobs = max_parallel_jobs
        tasks.start_soon(world.run, _workflow(a=_job("x"), b=_job("x"), c=_job("x")))
        await world.clock.advance_s(duration_s)

        assert world.result.duration_s == duration_s


@pytest.mark.parametrize(("max_parallel_jobs", "sharers"), [(None, [2, 2, 1]), (1, [1, 1, 1])])
async def test_a_jobs_root_shares_with_as_many_as_may_run_at_once(
    max_parallel_jobs: int | None, sharers: list[int]
) -> None:
    """So no two jobs are promised the same memory; one that must be alone has all of it."""
    async with _world(cpus=2) as world:
        world.max_parallel_jobs = max_parallel_jobs
        await world.run(_workflow(a=_job("x"), b=_job("x"), c=_job("x", "needs: [a, b]")))

    specs = world.provider.vms[0].root_specs
    assert [(spec.memory_mib, spec.sharers) for spec in specs] == [(None, each) for each in sharers]


async def test_a_slow_job_holds_up_only_those_that_need_it() -> None:
    async with _world(slow=_slow(60.0)) as world, anyio.create_task_group() as tasks:
        text = _workflow(a=_job("slow"), b=_job("b"), c=_job("c", "needs: b"), d=_job("d", "needs: a"))
        tasks.start_soon(world.run, text)
        await world.clock.advance_s(59.0)

        assert world.scripts == ["slow", "b", "c"]
        await world.clock.advance_s(1.0)
        assert world.scripts[-1] == "d"


async def test_results_are_in_the_plans_order_whatever_ended_first() -> None:
    async with _world(slow=_slow(5.0)) as world, anyio.create_task_group() as tasks:
        tasks.start_soon(world.run, _workflow(a=_job("slow"), b=_job("b")))
        await world.clock.advance_s(5.0)

        assert [event.job for event in world.of(JobFinished)] == ["b", "a"]
        assert [job.key for job in world.result.jobs] == ["a", "b"]


_MATRIX = "strategy: {matrix: {n: [bad, slow, later]}}"


async def test_fail_fast_stops_a_sibling_that_runs_and_its_always_steps_still_run() -> None:
    async with _world(bad=_FAIL, slow=_ENDLESS) as world, anyio.create_task_group() as tasks:
        tasks.start_soon(world.run, _workflow(a=_job("${{ matrix.n }}", _MATRIX, _ALWAYS)))
        await world.clock.advance_s(1.0)

        assert world.endings() == {"a (bad)": "failure", "a (slow)": "cancelled", "a (later)": "cancelled"}
        assert world.reason("a (slow)") == world.reason("a (later)") == "another leg failed (fail-fast): a (bad)"
        assert world.scripts == ["bad", "slow", "tidy", "tidy"]
        assert world.result.conclusion is Conclusion.FAILURE


async def test_a_tolerated_leg_does_not_stop_its_siblings() -> None:
    keys = _MATRIX + "\ncontinue-on-error: ${{ matrix.n == 'bad' }}"
    async with _world(bad=_FAIL) as world:
        await world.run(_workflow(a=_job("${{ matrix.n }}", keys), b=_job("b", "needs: a")))

    assert world.endings() == {"a (bad)": "failure", "a (slow)": "success", "a (later)": "success", "b": "success"}
    assert world.result.conclusion is Conclusion.SUCCESS


async def test_a_job_that_takes_too_long_is_cancelled_with_the_reason() -> None:
    """GitHub calls such a job cancelled, not failed; fractions of a minute count."""
    async with _world(slow=_ENDLESS) as world, anyio.create_task_group() as tasks:
        tasks.start_soon(
            world.run, _workflow(a=_job("slow", "timeout-minutes: 0.25", _ALWAYS), b=_job("b", "needs: a"))
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
    async with _world(slow=_ENDLESS, tidy=_STUBBORN) as world, anyio.create_task_group() as tasks:
        tasks.start_soon(world.run, _workflow(a=_job("slow", keys, _ALWAYS, "{run: more, if: always()}")))
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
    async with _world(cpus=3, slow=_ENDLESS, x=_slow(60.0)) as world, anyio.create_task_group() as tasks:
        text = _workflow(
            a=_job("slow"),
            b=_job("x", "if: always()"),
            c=_job("c", "needs: a"),
            d=_job("d", "needs: a\nif: cancelled()"),
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
    async with _world(slow=_STUBBORN) as world, anyio.create_task_group() as tasks:
        tasks.start_soon(world.run, _workflow(a=_job("slow", "if: always()\ncancel-timeout-minutes: 1", _ALWAYS)))
        await anyio.wait_all_tasks_blocked()
        world.cancellation.request()
        await world.clock.advance_s(59.0)
        assert world.results == []
        await world.clock.advance_s(1.0)

        assert world.endings() == {"a": "cancelled"}
        assert world.scripts == ["slow"]


async def test_a_cancelled_run_is_cancelled_whatever_else_happened() -> None:
    """Also where a step fails that runs nevertheless; GitHub says so too."""
    async with _world(slow=_ENDLESS, tidy=_FAIL) as world, anyio.create_task_group() as tasks:
        await _cancel(world, tasks, _workflow(a=_job("slow", "", _ALWAYS)))

        assert world.result.conclusion is Conclusion.CANCELLED
        assert [step.conclusion.value for step in world.result.jobs[0].steps] == ["cancelled", "failure"]


async def _cancel(world: _World, tasks: TaskGroup, text: str) -> None:
    """Start the run, ask it to stop after five seconds, and give it a minute."""
    tasks.start_soon(world.run, text)
    await world.clock.advance_s(5.0)
    assert world.results == []
    world.cancellation.request()
    await world.clock.advance_s(60.0)


_TWO_STEPS = _workflow(a=_job("one", "", _ALWAYS))


async def test_p3_a_run_cancelled_while_its_vm_is_being_allocated_has_none() -> None:
    async with _world(allocation_s=10.0) as world, anyio.create_task_group() as tasks:
        await _cancel(world, tasks, _TWO_STEPS)

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
    async with _world({stage: _slow(10.0)}) as world, anyio.create_task_group() as tasks:
        await _cancel(world, tasks, _TWO_STEPS)

        assert world.result.conclusion is Conclusion.CANCELLED
        assert world.scripts == scripts
        assert (world.result.allocations, world.result.releases) == (1, 1)
        assert world.result.error is None


async def test_a_set_up_that_hangs_is_given_up_when_the_run_is_cancelled() -> None:
    """After the time for ending in good order and a little more."""
    async with _world(set_up=_ENDLESS) as world, anyio.create_task_group() as tasks:
        tasks.start_soon(world.run, _workflow(a=_job("one", "cancel-timeout-minutes: 1")))
        await anyio.wait_all_tasks_blocked()
        world.cancellation.request()
        await world.clock.advance_s(89.0)
        assert world.results == []
        await world.clock.advance_s(1.0)

        assert world.endings() == {"a": "cancelled"}
        assert world.reason("a") == "the run was cancelled; it did not end by itself"


async def test_p6_a_lost_vm_ends_every_job_with_that_reason_and_keeps_what_was_done() -> None:
    async with _world(cpus=2, slow=_ENDLESS, gone=Behaviour(loses_vm=True)) as world:
        text = _workflow(
            a=_job("a"), b=_job("slow", "needs: a"), c=_job("gone", "needs: a"), d=_job("d", "needs: b")
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
    async with _world(leak=mask) as world:
        text = _workflow(
            a=_job("leak\n        id: s", outputs), b=_job("got ${{ toJSON(needs.a.outputs) }}", "needs: a")
        )
        await world.run(text)

    assert "s3cret" not in world.scripts[-1]
    assert "fine" in world.scripts[-1]
    assert [event.message for event in world.of(Notice)] == [
        "a: the output 'x' is left out, for it may contain a secret"
    ]


_GROUP = "concurrency: deploy\n"


async def test_a_run_waits_for_its_group_before_it_has_a_vm_and_says_for_whom() -> None:
    async with _world() as world, anyio.create_task_group() as tasks:
        async with world.groups.join("octo/hello deploy", Newcomer("other", "run 7")):
            tasks.start_soon(world.run, _workflow(head=_GROUP, a=_job("a")))
            await anyio.wait_all_tasks_blocked()

            assert [(event.group, event.holder) for event in world.of(ConcurrencyQueued)] == [("deploy", "run 7")]
            assert world.of(VmAllocated) == []
        await anyio.wait_all_tasks_blocked()
        assert world.result.conclusion is Conclusion.SUCCESS


async def test_a_run_whose_place_in_the_queue_is_taken_ends_cancelled_with_that_reason() -> None:
    async with _world() as world, anyio.create_task_group() as tasks:
        async with world.groups.join("octo/hello deploy", Newcomer("other", "run 7")):
            tasks.start_soon(world.run, _workflow(head=_GROUP, a=_job("a")))
            await anyio.wait_all_tasks_blocked()
            async with world.groups.join("octo/hello deploy", Newcomer("next", "run 9")):
                await anyio.wait_all_tasks_blocked()

        assert (world.result.conclusion, world.result.allocations) == (Conclusion.CANCELLED, 0)
        assert world.result.reason == "run 9 took its place in the queue of the concurrency group deploy"


async def test_a_run_that_waits_for_its_group_can_be_cancelled() -> None:
    async with (
        _world() as world,
        anyio.create_task_group() as tasks,
        world.groups.join("octo/hello deploy", Newcomer("other", "run 7")),
    ):
        await _cancel(world, tasks, _workflow(head=_GROUP, a=_job("a")))

        assert (world.result.conclusion, world.result.allocations) == (Conclusion.CANCELLED, 0)


async def test_a_run_is_cancelled_in_good_order_by_one_that_cancels_what_is_in_progress() -> None:
    """The other waits until the `always()` steps are done and the VM is released."""
    async with _world(slow=_ENDLESS, tidy=_slow(5.0)) as world, anyio.create_task_group() as tasks:
        tasks.start_soon(world.run, _workflow(head=_GROUP, a=_job("slow", "", _ALWAYS)))
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
    async with _world(cpus=1) as world, anyio.create_task_group() as tasks:
        async with world.groups.join("octo/hello deploy", Newcomer("other", "run 7")):
            tasks.start_soon(world.run, _workflow(a=_job("a", "concurrency: deploy"), b=_job("b")))
            await world.clock.advance_s(500.0)
            assert world.scripts == ["b"]
            assert [(event.job, event.holder) for event in world.of(ConcurrencyQueued)] == [("a", "run 7")]
        await anyio.wait_all_tasks_blocked()

        assert world.endings() == {"a": "success", "b": "success"}


async def test_a_job_is_stopped_by_one_that_cancels_what_is_in_progress_and_its_run_goes_on() -> None:
    async with _world(slow=_ENDLESS) as world, anyio.create_task_group() as tasks:
        text = _workflow(a=_job("slow", "concurrency: deploy", _ALWAYS), b=_job("b", "needs: a\nif: always()"))
        tasks.start_soon(world.run, text)
        await anyio.wait_all_tasks_blocked()
        newcomer = Newcomer("next", "run 9", cancel_in_progress=True)
        async with world.groups.join("octo/hello deploy", newcomer):
            await world.clock.advance_s(1.0)

        assert world.endings() == {"a": "cancelled", "b": "success"}
        assert world.reason("a") == "run 9 takes over the concurrency group deploy"
        assert world.scripts == ["slow", "tidy", "b"]


async def test_a_job_in_the_group_of_its_own_workflow_does_not_wait_for_ever() -> None:
    async with _world() as world:
        await world.run(_workflow(head=_GROUP, a=_job("a", "concurrency: Deploy"), b=_job("b")))

    assert world.endings() == {"a": "cancelled", "b": "success"}


async def test_jobs_of_one_group_take_turns() -> None:
    keys = "concurrency: {group: deploy, queue: max}"
    async with _world(cpus=4, x=_slow(10.0)) as world, anyio.create_task_group() as tasks:
        tasks.start_soon(world.run, _workflow(a=_job("x", keys), b=_job("x", keys), c=_job("x", keys)))
        await world.clock.advance_s(30.0)

        assert world.result.duration_s == 30.0
        assert world.result.conclusion is Conclusion.SUCCESS


async def test_of_a_matrix_in_one_group_the_middle_ones_are_replaced() -> None:
    """GitHub's default: one runs, the newest waits."""
    keys = "concurrency: deploy\nstrategy: {fail-fast: false, matrix: {n: [1, 2, 3]}}"
    async with _world(cpus=4) as world:
        await world.run(_workflow(a=_job("x", keys)))

    assert world.endings() == {"a (1)": "success", "a (2)": "cancelled", "a (3)": "success"}
    assert "took its place in the queue" in (world.reason("a (2)") or "")
    assert world.result.conclusion is Conclusion.CANCELLED


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
    async with _world({"say me blue s3cret- here": said}) as world:
        text = _workflow(
            head="env: {COLOUR: red}\n", call=call, b=_job("heard ${{ needs.call.outputs.said }}", "needs: call")
        )
        await world.run(text, lib=_LIBRARY)

    assert world.scripts == ["say me blue s3cret- here", "heard hello"]
    assert world.endings() == {"call / say": "success", "b": "success"}
    assert world.result.allocations == 1


async def test_a_job_that_met_a_limit_fails_alone_with_that_reason_and_an_annotation() -> None:
    """One that got on all the same is only warned."""
    killed = Breach(Limit.MEMORY, allowed=512, count=1)
    greedy = Behaviour(status=ExitStatus(code=137), breaches=(killed,))
    async with _world(greedy=greedy, lucky=Behaviour(breaches=(killed,))) as world:
        await world.run(_workflow(a=_job("greedy"), b=_job("lucky"), c=_job("c")))

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
    library = "on: workflow_call\njobs:\n" + "  say:\n" + _job("x", "container: debian")
    call = "    uses: ./.github/workflows/lib.yml\n"
    async with _world() as world:
        with pytest.raises(WorkflowError) as refused:
            await world.run(_workflow(a=call, b=call), lib=library)

    assert [str(each) for each in refused.value.diagnostics] == [
        ".github/workflows/lib.yml:4:16: terraphim-runner does not run job containers yet"
    ]
    assert world.ledger.entries() == []


async def test_p6_a_root_that_cannot_be_made_ends_the_run_loudly_and_the_other_jobs_in_good_order() -> None:
    """What was done stays in the result."""
    async with _world(cpus=3, slow=_ENDLESS, x=_slow(1.0)) as world, anyio.create_task_group() as tasks:
        text = _workflow(
            a=_job("slow", "", _ALWAYS),
            b=_job("x"),
            c=_job("c", "needs: b"),
            d=_job("d", "needs: c\nif: always()"),
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
