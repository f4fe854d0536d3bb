"""The steps of a job: in the background, waited for, cancelled, late, and what is left to do after them."""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import anyio
import pytest
from tests.unit.executor.scripted_run import FAIL, job_of, scripted_world

from terraphim_runner.adapters.memory.vm import Behaviour
from terraphim_runner.domain.conclusion import Conclusion
from terraphim_runner.domain.event import StepFinished, StepStarted
from terraphim_runner.ports.vm import ExitStatus, Stream

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from tests.unit.executor.scripted_run import World

    from terraphim_runner.domain.event import RunFinished

pytestmark = pytest.mark.anyio

_SLOW = Behaviour(duration_s=10.0)
_SERVER = Behaviour(is_endless=True)


def _conclusions(result: RunFinished) -> list[str]:
    return [step.conclusion.value for step in result.jobs[0].steps]


def _started(world: World) -> list[str]:
    return [event.name for event in world.of(StepStarted)]


@asynccontextmanager
async def _running(world: World, text: str) -> AsyncIterator[list[RunFinished]]:
    """Run beside the block; its result is in the list when the block has let enough time pass."""
    results: list[RunFinished] = []

    async def run() -> None:
        results.append(await world.run(text))

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(run)
        await anyio.wait_all_tasks_blocked()
        yield results


async def test_the_job_goes_on_beside_a_background_step_and_waits_for_it_at_its_end() -> None:
    steps = "- run: slow\n  background: true\n- run: next"
    async with scripted_world(slow=_SLOW) as world, _running(world, job_of(steps)) as results:
        assert _started(world) == ["Run slow", "Run next", "Wait for all background steps"]
        assert results == []
        await world.clock.advance_s(10.0)

    assert _conclusions(results[0]) == ["success", "success", "success"]
    assert [step.number for step in results[0].jobs[0].steps] == [1, 2, 3]


async def test_what_a_background_step_sets_is_seen_from_the_wait_on() -> None:
    files = {"GITHUB_ENV": b"COLOUR=red\n", "GITHUB_OUTPUT": b"word=hi\n", "GITHUB_PATH": b"/opt/bin\n"}
    seen = "${{ env.COLOUR || '-' }}${{ steps.it.outputs.word || '-' }}${{ steps.it.outcome || '-' }}"
    steps = f"- run: set\n  id: it\n  background: true\n- run: a {seen}\n- wait: it\n- run: b {seen}"
    async with scripted_world(set=Behaviour(files=files, duration_s=1.0)) as world:
        async with _running(world, job_of(steps)):
            await world.clock.advance_s(1.0)

        assert sorted(world.scripts) == ["a ---", "b redhisuccess", "set"]
        assert world.provider.vms[0].commands[2].env["PATH"].startswith("/opt/bin:")


async def test_a_background_step_that_fails_fails_the_step_that_waits_and_what_follows() -> None:
    steps = "- run: bad\n  id: it\n  background: true\n- wait: it\n- run: next"
    async with scripted_world(bad=FAIL) as world:
        result = await world.run(job_of(steps))

    assert result.conclusion is Conclusion.FAILURE
    assert _conclusions(result) == ["failure", "failure", "skipped"]
    assert result.jobs[0].steps[1].reason == "Run bad: failure"


async def test_p6_a_wait_that_may_fail_does_not_make_a_job_green() -> None:
    """The steps after it run, but the failed background step counts at the end, as on GitHub."""
    steps = "- run: bad\n  id: it\n  background: true\n- wait: it\n  continue-on-error: true\n- run: next"
    async with scripted_world(bad=FAIL) as world:
        result = await world.run(job_of(steps))

    assert _conclusions(result) == ["failure", "success", "success"]
    assert result.jobs[0].conclusion is Conclusion.FAILURE


async def test_a_background_step_whose_failure_is_tolerated_fails_nothing() -> None:
    steps = "- run: bad\n  background: true\n  continue-on-error: true\n- wait-all:"
    async with scripted_world(bad=FAIL) as world:
        result = await world.run(job_of(steps))

    assert result.conclusion is Conclusion.SUCCESS


async def test_a_cancelled_background_step_does_not_fail_the_job() -> None:
    steps = (
        "- run: server\n  id: it\n  background: true\n- run: test\n- cancel: it\n- run: ${{ steps.it.outcome }}"
    )
    async with scripted_world(server=_SERVER) as world:
        async with _running(world, job_of(steps)) as results:
            await world.clock.advance_s(7.5)

        assert _conclusions(results[0]) == ["cancelled", "success", "success", "success"]
        assert results[0].conclusion is Conclusion.SUCCESS
        assert world.scripts[-1] == "cancelled"


async def test_the_steps_of_a_parallel_block_run_at_once_and_the_block_waits() -> None:
    steps = "- parallel:\n  - run: slow\n  - run: also\n- run: next"
    async with scripted_world(slow=_SLOW, also=_SLOW) as world, _running(world, job_of(steps)) as results:
        assert _started(world) == ["Run slow", "Run also", "Run 2 steps in parallel"]
        await world.clock.advance_s(10.0)

    assert [step.name for step in results[0].jobs[0].steps] == [
        "Run slow",
        "Run also",
        "Run 2 steps in parallel",
        "Run next",
    ]


async def test_ten_background_steps_run_at_once_and_the_eleventh_when_there_is_room() -> None:
    steps = "".join(f"- run: s{number}\n  background: true\n" for number in range(11))
    behaviours = {f"s{number}": Behaviour(duration_s=5.0 + number) for number in range(11)}
    async with scripted_world(**behaviours) as world, _running(world, job_of(steps)) as results:
        assert len(world.scripts) == 10
        await world.clock.advance_s(5.0)
        assert len(world.scripts) == 11
        await world.clock.advance_s(20.0)

    assert results[0].conclusion is Conclusion.SUCCESS


async def test_each_background_step_has_command_files_of_its_own() -> None:
    steps = "- run: one\n  background: true\n- run: two\n  background: true"
    async with scripted_world() as world:
        await world.run(job_of(steps))

        outputs = {command.env.get("GITHUB_OUTPUT") for command in world.provider.vms[0].commands}
        assert len(outputs - {None}) == 2


async def test_a_background_step_ends_with_a_cancelled_job_even_if_it_would_always_run() -> None:
    steps = "- run: server\n  background: true\n  if: always()\n- wait-all:"
    async with scripted_world(server=_SERVER) as world, _running(world, job_of(steps)) as results:
        world.cancellation.request()
        await world.clock.advance_s(7.5)

    assert results[0].conclusion is Conclusion.CANCELLED
    assert _conclusions(results[0])[0] == "cancelled"


async def test_a_step_that_always_runs_is_not_stopped_by_a_cancel_that_comes_while_it_runs() -> None:
    steps = "- run: slow\n  if: always()\n- run: next"
    async with scripted_world(slow=_SLOW) as world, _running(world, job_of(steps)) as results:
        world.cancellation.request()
        await world.clock.advance_s(10.0)

    assert _conclusions(results[0]) == ["success", "skipped"]
    assert results[0].conclusion is Conclusion.CANCELLED


async def test_a_cancelled_job_that_does_not_come_to_its_end_is_ended_after_five_minutes() -> None:
    steps = "- run: server\n  if: always()\n- run: tidy\n  if: always()"
    async with scripted_world(server=_SERVER) as world, _running(world, job_of(steps)) as results:
        world.cancellation.request()
        await world.clock.advance_s(299.0)
        assert results == []
        await world.clock.advance_s(1.0)

    assert _conclusions(results[0]) == ["cancelled", "skipped"]
    assert results[0].jobs[0].steps[0].exit_code == 137
    assert results[0].jobs[0].steps[1].reason == "the time for steps after the cancellation is over"


async def test_a_job_that_takes_too_long_is_cancelled_and_tidies_up() -> None:
    steps = "- run: server\n- run: tidy\n  if: cancelled()\n- run: next"
    text = job_of(steps, extra="    timeout-minutes: 2\n")
    async with scripted_world(server=_SERVER) as world, _running(world, text) as results:
        await world.clock.advance_s(130.0)

        assert _conclusions(results[0]) == ["cancelled", "success", "skipped"]
        assert results[0].jobs[0].conclusion is Conclusion.CANCELLED
        assert results[0].jobs[0].reason == "it took longer than 2 minutes"
        assert world.scripts == ["server", "tidy"]


async def test_a_condition_sees_the_env_of_its_own_step() -> None:
    async with scripted_world() as world:
        result = await world.run(job_of("- run: one\n  env: {GO: 'no'}\n  if: env.GO == 'yes'"))

    assert _conclusions(result) == ["skipped"]


async def test_a_timeout_may_be_an_expression() -> None:
    steps = "- run: server\n  timeout-minutes: ${{ fromJSON('0.25') }}"
    async with scripted_world(server=_SERVER) as world, _running(world, job_of(steps)) as results:
        await world.clock.advance_s(15.0 + 7.5)

    assert results[0].jobs[0].steps[0].reason == "The action 'Run server' has timed out after 0.25 minutes."


async def test_a_timeout_below_zero_is_none() -> None:
    async with scripted_world() as world:
        result = await world.run(job_of("- run: server\n  timeout-minutes: -3"))

    assert _conclusions(result) == ["success"]


async def test_files_are_hashed_where_an_expression_asks_for_it_and_only_there() -> None:
    digest = Behaviour(output=((Stream.STDOUT, b"0123abc\n"),))
    steps = "- run: x ${{ hashFiles('**/lock') }}\n- run: y ${{ true || hashFiles('z') }}"
    async with scripted_world(hash_files=digest) as world:
        await world.run(job_of(steps))

        assert world.scripts == ["x 0123abc", "y true"]
        hashing = [command for command in world.provider.vms[0].commands if "python3" in command.argv]
        assert [command.argv[-1] for command in hashing] == ["**/lock"]


async def test_files_that_cannot_be_hashed_fail_the_step_and_say_why() -> None:
    broken = Behaviour(output=((Stream.STDERR, b"no permission\n"),), status=ExitStatus(code=1))
    async with scripted_world(hash_files=broken) as world:
        result = await world.run(job_of("- run: x ${{ hashFiles('a') }}"))

    assert result.conclusion is Conclusion.FAILURE
    assert "hashFiles('a') failed" in (result.jobs[0].steps[0].reason or "")
    assert "no permission" in (result.jobs[0].steps[0].reason or "")


async def test_only_steps_whose_id_the_author_wrote_are_in_the_steps_context() -> None:
    async with scripted_world() as world:
        await world.run(job_of("- run: one\n- run: two\n  id: it\n- run: ${{ toJSON(steps) }}"))

    assert '"it"' in world.scripts[2]
    assert "__run" not in world.scripts[2]


async def test_a_step_that_was_skipped_has_an_outcome() -> None:
    async with scripted_world() as world:
        await world.run(job_of("- run: one\n  id: it\n  if: false\n- run: ${{ steps.it.outcome }}"))

    assert world.scripts == ["skipped"]
    assert [event.outcome.value for event in world.of(StepFinished)] == ["skipped", "success"]


async def test_half_a_character_in_a_script_is_replaced_as_on_github() -> None:
    """Cut commit messages have them, in an event's payload."""
    async with scripted_world() as world:
        result = await world.run(job_of("- run: echo ${{ fromJSON('\"x\\ud83d\"') }}"))

        assert world.scripts == ["echo x\ufffd"]
    assert _conclusions(result) == ["success"]
