"""What is told of the commands that a run executes in its VM."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import pytest
from tests.unit.executor.scripted_run import FAIL, job_of, request_of, scripted_world

from terraphim_runner.adapters.memory.action_store import MemoryActions
from terraphim_runner.adapters.memory.vm import Behaviour
from terraphim_runner.domain.ident import StepPlace
from terraphim_runner.executor.action_library import ActionLibrary
from terraphim_runner.ports.vm import ExitStatus, Stream
from terraphim_runner.workflow.action_reference import Repository

pytestmark = pytest.mark.anyio

JOB = StepPlace("a", 0)


async def test_every_command_is_told_of_with_whose_it_was() -> None:
    """The job's own, the steps', and those that hash files for one; as many as the session counts."""
    digest = Behaviour(output=((Stream.STDOUT, b"abc\n"),))
    steps = "- run: one\n- run: two\n  env:\n    HASH: ${{ hashFiles('**/lock') }}\n- run: three\n  shell: sh\n"
    async with scripted_world(hash_files=digest, two=FAIL) as world:
        result = await world.run(job_of(steps))

    told = [(report.program, report.origin, report.status) for report in world.reports]
    assert told == [
        ("bash", StepPlace("a", 1), ExitStatus(code=0)),
        ("/usr/bin/env", StepPlace("a", 2), ExitStatus(code=0)),
        ("bash", StepPlace("a", 2), ExitStatus(code=3)),
        ("/bin/sh", JOB, ExitStatus(code=0)),
    ]
    assert result.vm is not None
    assert result.vm.commands == 1 + len(told)  # the set-up is no process: the agent does it
    assert len({report.root for report in world.reports}) == 1


async def test_commands_of_a_composite_action_and_its_post_stage_are_those_of_the_job_s_steps() -> None:
    """An action's steps log as one step of the job, and what it left to do as another."""
    action = "runs: {using: composite, steps: [{uses: octo/inner@v1}, {run: nested, shell: bash}]}"
    inner = "runs: {using: node20, main: main.js, post: post.js}"
    texts = {Repository("octo/outer", "v1"): {"": action}, Repository("octo/inner", "v1"): {"": inner}}
    store = MemoryActions(Repository("octo/hello", "1" * 40), texts)
    async with scripted_world() as world:
        request = request_of(job_of("- uses: octo/outer@v1\n- run: last\n"))
        await world.execute(replace(request, actions=ActionLibrary(store)))

    places = Counter(report.origin for report in world.reports if report.origin != JOB)
    assert places == {StepPlace("a", 1): 2, StepPlace("a", 2): 1, StepPlace("a", 3): 1}


async def test_p8_a_report_has_no_arguments_and_no_secret_in_the_program() -> None:
    """Though the workflow names one in the path of a shell."""
    steps = "- run: say hunter2\n  shell: /opt/hunter2/sh {0}\n  env:\n    A: ${{ secrets.TOKEN }}\n"
    async with scripted_world() as world:
        await world.execute(replace(request_of(job_of(steps)), secrets={"TOKEN": "hunter2"}))

    assert [report.program for report in world.reports if report.origin != JOB] == ["/opt/***/sh"]
    assert "hunter2" not in repr(world.reports)
