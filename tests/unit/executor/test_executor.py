"""Runs on the scripted provider: order, conditions, verdicts, and the VM's account."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import anyio
import pytest
from tests.unit.executor.scripted_run import EVENT, FAIL, VM_TYPE, job_of, request_of, scripted_world

from terraphim_runner.adapters.memory.vm import Behaviour
from terraphim_runner.domain.conclusion import Conclusion
from terraphim_runner.domain.errors import (
    HostDiskFull,
    ImageMissing,
    InfraError,
    RestoreFailed,
    StateError,
    WorkflowError,
)
from terraphim_runner.domain.event import (
    JobFinished,
    Notice,
    RunFinished,
    StepFinished,
    StepStarted,
    StepSummary,
    VmReleased,
)
from terraphim_runner.domain.ident import RunId
from terraphim_runner.domain.quota import Quota
from terraphim_runner.domain.usage import Blocked, NetworkUsage, VmUsage
from terraphim_runner.ports.vm import ExitStatus, Stream

if TYPE_CHECKING:
    from contextlib import AbstractAsyncContextManager

    from terraphim_runner.ports.vm import Tree
    from terraphim_runner.ports.work_tree import Revision

pytestmark = pytest.mark.anyio


async def test_p1_p2_p3_a_run_is_one_vm_with_set_up_steps_and_clean_up() -> None:
    async with scripted_world() as world:
        result = await world.run(job_of("- run: one\n- run: two"))

    assert result.conclusion is Conclusion.SUCCESS
    assert (result.allocations, result.releases) == (1, 1)
    assert result.vm is not None
    assert len(world.provider.vms[0].commands) == 3  # processes: the steps and the clean-up
    assert result.vm.commands == 4  # the set-up is done by the agent
    assert world.events[-1] == result
    assert world.of(VmReleased) != []


async def test_what_the_vm_used_and_what_was_kept_from_it_is_in_the_result() -> None:
    """Asked while there is a VM to ask."""
    usage = VmUsage(1.0, 0.0, 2, 3, NetworkUsage(4, 5, (Blocked("a.example", 443, 2),), "/log"))
    async with scripted_world() as world:
        world.provider.vm_usage = usage
        result = await world.run(job_of("- run: one"))

    assert result.usage == usage
    (notice,) = world.of(Notice)
    assert notice.message == "blocked by network policy: a.example:443 (2 times); see /log"


async def test_p8_what_was_kept_from_the_vm_shows_no_secret() -> None:
    usage = VmUsage(1.0, 0.0, 2, 3, NetworkUsage(4, 5, (Blocked("db.corp.example", 443, 2),), "/log"))
    async with scripted_world() as world:
        world.provider.vm_usage = usage
        await world.execute(replace(request_of(job_of("- run: one")), secrets={"HOST": "db.corp.example"}))

    assert [notice.message for notice in world.of(Notice)] == [
        "blocked by network policy: ***:443 (2 times); see /log"
    ]


async def test_a_jobs_root_has_the_vm_types_quotas() -> None:
    quota = Quota(job_memory_mib=40, processes=99)
    async with scripted_world() as world:
        await world.execute(request_of(job_of("- run: one"), replace(VM_TYPE, quota=quota)))

    (spec,) = world.provider.vms[0].root_specs
    assert (spec.memory_mib, spec.processes, spec.sharers) == (40, 99, 1)


async def test_p6_a_failed_step_fails_the_run_and_skips_what_follows() -> None:
    async with scripted_world(bad=FAIL) as world:
        result = await world.run(job_of("- run: bad\n- run: next\n- run: tidy\n  if: always()"))

    assert result.conclusion is Conclusion.FAILURE
    assert [step.conclusion.value for step in result.jobs[0].steps] == ["failure", "skipped", "success"]
    assert [step.exit_code for step in result.jobs[0].steps] == [3, None, 0]
    assert result.jobs[0].steps[1].reason == "an earlier step failed"
    assert result.jobs[0].reason == "step 1 failed: Run bad"


async def test_p6_a_death_by_signal_is_a_failure() -> None:
    async with scripted_world(bad=Behaviour(status=ExitStatus(signal=9))) as world:
        result = await world.run(job_of("- run: bad"))

    assert result.conclusion is Conclusion.FAILURE
    assert result.jobs[0].steps[0].exit_code == 137


async def test_p6_a_lost_vm_is_an_error_of_the_machinery_and_releases_once() -> None:
    async with scripted_world(bad=Behaviour(loses_vm=True)) as world:
        result = await world.run(job_of("- run: bad\n- run: next\n  if: always()"))

    assert result.conclusion is Conclusion.FAILURE
    assert result.error is not None
    assert "next" not in world.scripts
    assert (result.allocations, result.releases) == (1, 1)


async def test_p6_no_vm_is_an_error_of_the_machinery() -> None:
    async with scripted_world() as world:
        world.provider.faults.on_allocate.append(RestoreFailed("no clone"))
        result = await world.run(job_of("- run: one"))

    assert result.conclusion is Conclusion.FAILURE
    assert result.error == "no clone"
    assert (result.allocations, result.releases, result.vm) == (0, 0, None)


async def test_p6_a_machine_that_cannot_run_vms_is_said_in_the_result_and_to_the_caller() -> None:
    async with scripted_world() as world:
        world.provider.faults.on_allocate.append(ImageMissing("no image"))
        with pytest.raises(ImageMissing):
            await world.run(job_of("- run: one"))

    assert world.of(RunFinished)[0].conclusion is Conclusion.FAILURE
    assert world.of(RunFinished)[0].error == "no image"


class _UnreadableWorkTree:
    async def find(self, ref: str) -> Revision | None:
        raise NotImplementedError(ref)

    def snapshot(
        self, revision: Revision | None = None, *, has_history: bool = False
    ) -> AbstractAsyncContextManager[Tree]:
        raise HostDiskFull("no room for a copy", hint="free some space")


async def test_p6_a_work_tree_that_cannot_be_read_is_no_fault_of_the_workflow() -> None:
    """The result names it with its remedy, what follows does not run, and the VM is given back."""
    steps = "- uses: actions/checkout@v4\n  continue-on-error: true\n- run: next\n  if: always()"
    async with scripted_world() as world:
        with pytest.raises(HostDiskFull):
            await world.run(job_of(steps), _UnreadableWorkTree())

    result = world.of(RunFinished)[-1]
    assert (result.conclusion, result.error, result.hint) == (
        Conclusion.FAILURE,
        "no room for a copy",
        "free some space",
    )
    assert world.scripts == []
    assert (result.allocations, result.releases) == (1, 1)


async def test_a_step_summary_is_told_with_secrets_masked() -> None:
    """It is what the author wants people to read."""
    summary = {"GITHUB_STEP_SUMMARY": b"# Done\nwith s3cret\n"}
    behaviour = Behaviour(output=((Stream.STDOUT, b"::add-mask::s3cret\n"),), files=summary)
    async with scripted_world(say=behaviour) as world:
        await world.run(job_of("- run: quiet\n- run: say"))

    assert [(event.step, event.text) for event in world.of(StepSummary)] == [(2, "# Done\nwith ***")]


async def test_p6_a_vm_that_cannot_be_released_is_never_green() -> None:
    async with scripted_world() as world:
        world.provider.faults.on_release.extend([InfraError("stuck")] * 3)
        result = await world.run(job_of("- run: one"))

    assert result.conclusion is Conclusion.FAILURE
    assert "stuck" in (result.error or "")
    assert result.releases == 0


async def test_p6_a_run_whose_every_job_is_skipped_is_not_a_success() -> None:
    async with scripted_world() as world:
        result = await world.run(job_of("- run: one", extra="    if: false\n"))

    assert result.conclusion is Conclusion.SKIPPED
    assert result.jobs[0].reason == "its condition is false: success() && (false)"


async def test_p7_what_is_not_supported_is_refused_before_a_vm_is_asked_for() -> None:
    async with scripted_world() as world:
        with pytest.raises(WorkflowError) as refused:
            await world.run(job_of("- uses: actions/setup-node@v4"))

        assert [str(fault) for fault in refused.value.diagnostics] == [
            "ci.yml:6:15: terraphim-runner does not run the action actions/setup-node@v4 yet",
        ]
        assert world.ledger.entries() == []


async def test_continue_on_error_keeps_the_outcome_and_changes_the_conclusion() -> None:
    async with scripted_world(bad=FAIL) as world:
        ending = "${{ steps.it.outcome }}-${{ steps.it.conclusion }}"
        steps = f"- run: bad\n  id: it\n  continue-on-error: true\n- run: {ending}"
        result = await world.run(job_of(steps))

    assert result.conclusion is Conclusion.SUCCESS
    assert "failure-success" in world.scripts


async def test_outputs_and_environment_files_reach_later_steps() -> None:
    files = {"GITHUB_OUTPUT": b"word=hi\n", "GITHUB_ENV": b"COLOUR<<X\nred\nX\n", "GITHUB_PATH": b"/opt/bin\n"}
    async with scripted_world(set=Behaviour(files=files)) as world:
        await world.run(job_of("- run: set\n  id: it\n- run: ${{ steps.it.outputs.word }} ${{ env.COLOUR }}"))

    assert "hi red" in world.scripts
    environment = world.provider.vms[0].commands[1].env
    assert environment["COLOUR"] == "red"
    assert environment["PATH"].startswith("/opt/bin:")


async def test_a_malformed_command_file_fails_the_step() -> None:
    async with scripted_world(set=Behaviour(files={"GITHUB_OUTPUT": b"nonsense\n"})) as world:
        result = await world.run(job_of("- run: set"))

    assert result.conclusion is Conclusion.FAILURE
    assert (
        result.jobs[0].steps[0].reason
        == "Unable to process file command 'output' successfully: Invalid format 'nonsense'"
    )


async def test_output_is_logged_in_order_with_commands_obeyed_and_secrets_masked() -> None:
    output = (
        (Stream.STDOUT, b"one\n::add-mask::hunter2\ntwo hun"),
        (Stream.STDERR, b"warn\n"),
        (Stream.STDOUT, b"ter2\n::error::bad luck\nlast"),
    )
    async with scripted_world(talk=Behaviour(output=output)) as world:
        await world.run(job_of("- run: talk"))

    assert world.lines == ["one", "warn", "two ***", "##[error]bad luck", "last"]


async def test_a_step_runs_with_githubs_variables_and_the_most_specific_env_wins() -> None:
    text = job_of("- run: one\n  env: {A: step}", extra="    env: {A: job, B: job}\n")
    async with scripted_world() as world:
        await world.run(text.replace("jobs:", "env: {A: workflow, B: workflow, C: workflow}\njobs:", 1))

    environment = world.provider.vms[0].commands[0].env
    assert [environment[name] for name in "ABC"] == ["step", "job", "workflow"]
    assert environment["GITHUB_SHA"] == "1" * 40
    assert environment["GITHUB_REPOSITORY"] == "octo/hello"
    assert environment["GITHUB_JOB"] == "a"
    assert environment["GITHUB_WORKSPACE"] == world.provider.vms[0].commands[0].cwd
    assert environment["RUNNER_OS"] == "Linux"


_DIAMOND = """\
on: push
jobs:
  last:
    runs-on: ubuntu-latest
    needs: [left, right]
    steps: [{run: 'last ${{ needs.left.outputs.x }}'}]
  left:
    runs-on: ubuntu-latest
    needs: first
    outputs: {x: '${{ steps.s.outputs.x }}'}
    steps: [{run: left, id: s}]
  right:
    runs-on: ubuntu-latest
    needs: first
    steps: [{run: right}]
  first:
    runs-on: ubuntu-latest
    steps: [{run: first}]
  rescue:
    runs-on: ubuntu-latest
    needs: last
    if: failure()
    steps: [{run: rescue}]
"""


async def test_jobs_run_after_what_they_need_and_see_its_outputs() -> None:
    async with scripted_world(left=Behaviour(files={"GITHUB_OUTPUT": b"x=42\n"})) as world:
        result = await world.run(_DIAMOND)

    assert world.scripts == ["first", "left", "right", "last 42"]
    assert {job.id: job.conclusion.value for job in result.jobs}["rescue"] == "skipped"
    assert result.conclusion is Conclusion.SUCCESS


async def test_a_failed_job_skips_its_dependents_with_the_reason_and_wakes_failure_conditions() -> None:
    async with scripted_world(right=FAIL) as world:
        result = await world.run(_DIAMOND)

    reasons = {event.job: event.reason for event in world.of(JobFinished)}
    assert reasons["last"] == "it needs right, which failed"
    assert world.scripts == ["first", "left", "right", "rescue"]
    assert result.conclusion is Conclusion.FAILURE


async def test_a_tolerated_job_fails_alone() -> None:
    text = job_of("- run: bad", extra="    continue-on-error: true\n")
    text += "  b:\n    runs-on: ubuntu-latest\n    needs: a\n    steps: [{run: after}]\n"
    async with scripted_world(bad=FAIL) as world:
        result = await world.run(text)

    assert [job.conclusion.value for job in result.jobs] == ["failure", "success"]
    assert result.conclusion is Conclusion.SUCCESS


async def test_fail_fast_cancels_the_legs_that_are_left() -> None:
    extra = "    strategy: {matrix: {n: [1, 2, 3]}}\n"
    async with scripted_world(**{"leg 2": FAIL}) as world:
        result = await world.run(job_of("- run: leg ${{ matrix.n }}", extra=extra))

    assert [job.key for job in result.jobs] == ["a (1)", "a (2)", "a (3)"]
    assert [job.conclusion.value for job in result.jobs] == ["success", "failure", "cancelled"]


async def test_a_matrix_can_come_from_an_earlier_jobs_outputs() -> None:
    text = job_of("- run: set\n  id: s", extra="    outputs: {list: '${{ steps.s.outputs.list }}'}\n") + (
        "  b:\n    runs-on: ubuntu-latest\n    needs: a\n"
        "    strategy: {matrix: {n: '${{ fromJSON(needs.a.outputs.list) }}'}}\n"
        "    steps: [{run: 'got ${{ matrix.n }}'}]\n"
    )
    async with scripted_world(set=Behaviour(files={"GITHUB_OUTPUT": b'list=["x","y"]\n'})) as world:
        result = await world.run(text)

    assert world.scripts == ["set", "got x", "got y"]
    assert result.conclusion is Conclusion.SUCCESS


async def test_a_step_that_takes_too_long_is_stopped_step_by_step_and_fails() -> None:
    stubborn = Behaviour(is_endless=True, ends_on=frozenset({9}))
    async with scripted_world(slow=stubborn) as world, anyio.create_task_group() as tasks:
        results: list[RunFinished] = []

        async def run() -> None:
            results.append(await world.run(job_of("- run: slow\n  timeout-minutes: 0.5")))

        tasks.start_soon(run)
        await world.clock.advance_s(39.0)
        assert results == []
        await world.clock.advance_s(1.0)

        step = results[0].jobs[0].steps[0]
        assert (step.outcome, step.exit_code) == (Conclusion.FAILURE, 137)
        assert step.reason == "The action 'Run slow' has timed out after 0.5 minutes."


async def test_cancelling_stops_the_step_runs_what_always_runs_and_releases() -> None:
    async with scripted_world(slow=Behaviour(is_endless=True)) as world, anyio.create_task_group() as tasks:
        results: list[RunFinished] = []

        async def run() -> None:
            steps = "- run: slow\n- run: next\n- run: tidy\n  if: always()\n- run: told\n  if: cancelled()"
            results.append(await world.run(job_of(steps)))

        tasks.start_soon(run)
        await anyio.wait_all_tasks_blocked()
        assert [event.name for event in world.of(StepStarted)] == ["Run slow"]
        world.cancellation.request()
        await world.clock.advance_s(20.0)

        assert results[0].conclusion is Conclusion.CANCELLED
        assert world.scripts == ["slow", "tidy", "told"]
        outcomes = [event.outcome.value for event in world.of(StepFinished)]
        assert outcomes == ["cancelled", "skipped", "success", "success"]
        assert (results[0].allocations, results[0].releases) == (1, 1)


async def test_cancelling_a_run_that_waits_for_its_turn_ends_it_without_a_vm() -> None:
    async with scripted_world() as world, anyio.create_task_group() as tasks:
        results: list[RunFinished] = []

        async def run() -> None:
            results.append(await world.run(job_of("- run: one")))

        async with world.manager.session(RunId("other"), VM_TYPE):
            tasks.start_soon(run)
            await anyio.wait_all_tasks_blocked()
            world.cancellation.request()
            await anyio.wait_all_tasks_blocked()

            assert results[0].conclusion is Conclusion.CANCELLED
            assert (results[0].allocations, results[0].releases) == (0, 0)


async def test_p3_a_run_stopped_at_once_still_releases_and_reports() -> None:
    async with scripted_world(slow=Behaviour(is_endless=True)) as world:
        with anyio.CancelScope() as scope:
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(world.run, job_of("- run: slow"))
                await anyio.wait_all_tasks_blocked()
                scope.cancel()

        result = world.of(RunFinished)[0]
        assert result.conclusion is Conclusion.CANCELLED
        assert (result.allocations, result.releases) == (1, 1)
        assert await world.provider.held_vms() == []


async def test_a_run_stopped_at_once_is_cancelled_even_if_its_vm_is_already_going() -> None:
    """A second Ctrl-C takes the VM away while the clean-up is under way."""
    async with scripted_world(slow=Behaviour(is_endless=True), clean_up=Behaviour(loses_vm=True)) as world:
        with anyio.CancelScope() as scope:
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(world.run, job_of("- run: slow"))
                await anyio.wait_all_tasks_blocked()
                scope.cancel()

    result = world.of(RunFinished)[0]
    assert result.conclusion is Conclusion.CANCELLED
    assert result.error is None


async def test_a_run_stopped_at_once_during_its_clean_up_is_cancelled_and_never_green() -> None:
    async with scripted_world(clean_up=Behaviour(duration_s=5.0, loses_vm=True)) as world:
        with anyio.CancelScope() as scope:
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(world.run, job_of("- run: one"))
                await anyio.wait_all_tasks_blocked()
                scope.cancel()
                with anyio.CancelScope(shield=True):
                    await world.clock.advance_s(5.0)

        result = world.of(RunFinished)[0]
        assert (result.conclusion, result.error) == (Conclusion.CANCELLED, None)
        assert (result.allocations, result.releases) == (1, 1)


async def test_p6_a_run_whose_clean_up_loses_the_vm_is_a_failure() -> None:
    async with scripted_world(clean_up=Behaviour(loses_vm=True)) as world:
        result = await world.run(job_of("- run: one"))

    assert result.conclusion is Conclusion.FAILURE
    assert result.error is not None


async def test_p8_a_secret_reaches_its_steps_and_no_event() -> None:
    """Not by what a step prints, nor by its name, nor by the reason of its failure."""
    secret = 'hunter2\nis "mine"'
    text = """\
on: push
jobs:
  a:
    runs-on: ubuntu-latest
    env: {TOKEN: "${{ secrets.token }}"}
    steps:
      - name: say ${{ secrets.TOKEN }}
        run: "say ${{ secrets.TOKEN }}"
        timeout-minutes: ${{ secrets.TOKEN }}
      - if: always()
        run: env
"""
    spoken = Behaviour(output=((Stream.STDOUT, b"it hunt"), (Stream.STDOUT, b'er2\nis "mine"\n')))
    async with scripted_world(env=spoken) as world:
        request = replace(request_of(text), secrets={"TOKEN": secret})
        result = await world.execute(request)

    assert result.conclusion is Conclusion.FAILURE
    assert [event.name for event in world.of(StepFinished)] == ["say ***", "Run env"]
    assert world.lines[-2:] == ["it ***", "***"]
    assert "hunter2" not in repr(world.events)
    assert "mine" not in repr(world.events)


async def test_p8_a_run_that_is_entitled_to_no_secrets_gets_none_by_mistake() -> None:
    """Whoever starts runs must have left them out."""
    repositories = {
        "head": {"repo": {"full_name": "stranger/hello"}},
        "base": {"repo": {"full_name": "octo/hello"}},
    }
    event = replace(EVENT, name="pull_request", payload={"pull_request": repositories})
    async with scripted_world() as world:
        request = request_of("on: pull_request\njobs: {a: {runs-on: ubuntu-latest, steps: [run: echo]}}")
        request = replace(request, plan=replace(request.plan, event=event), secrets={"TOKEN": "hunter2"})
        with pytest.raises(StateError):
            await world.execute(request)

    assert world.events == []
