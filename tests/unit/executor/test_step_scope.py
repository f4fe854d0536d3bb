"""What expressions and commands of a step see."""

from __future__ import annotations

from functools import partial
from typing import Any

import pytest
from tests.unit.executor.scripted_turn import WORKSPACE, Kept, frame_of, scope_of

from terraphim_runner.executor.step_environment import StepEnvironment
from terraphim_runner.expressions.evaluator import evaluate
from terraphim_runner.expressions.parser import parse
from terraphim_runner.expressions.value import to_python

pytestmark = pytest.mark.anyio

_GITHUB = {"workspace": WORKSPACE, "repository": "octo/hello", "ref": "refs/heads/main", "workflow_sha": "1" * 40}


async def _value(text: str, **changes: Any) -> object:
    scope = scope_of(frame_of(Kept(), github=_GITHUB, **changes))
    return to_python(await scope.evaluate(partial(evaluate, parse(text))))


async def test_the_job_context_names_the_workflow_file_of_the_job() -> None:
    assert await _value("job") == {
        "status": "success",
        "container": {},
        "services": {},
        "workflow_ref": "octo/hello/ci.yml@refs/heads/main",
        "workflow_sha": "1" * 40,
        "workflow_repository": "octo/hello",
        "workflow_file_path": "ci.yml",
    }


async def test_the_token_is_the_secret_or_empty() -> None:
    assert await _value("github.token") == ""
    assert await _value("github.token", secrets={"GITHUB_TOKEN": "t"}) == "t"


async def test_debugging_is_in_the_runner_context() -> None:
    assert await _value("runner.debug") is None
    assert await _value("runner.debug", secrets={"ACTIONS_STEP_DEBUG": "true"}) == "1"


def test_each_source_of_the_environment_overrides_those_before_it() -> None:
    frame = frame_of(
        Kept(), env={"A": "job", "B": "job", "C": "job", "D": "job", "GITHUB_REF": "mine"}, github=_GITHUB
    )
    scope = scope_of(frame)
    scope.environment.set({"B": "set", "C": "set", "D": "set"})
    outer = scope.with_step(env={"C": "outer", "D": "outer"})
    variables = outer.with_step(env={"D": "step"}).variables()

    assert [variables[name] for name in "ABCD"] == ["job", "set", "outer", "step"]
    assert variables["GITHUB_REF"] == "refs/heads/main"


def test_a_workflow_may_say_that_it_is_not_ci_but_not_that_it_is_not_an_action() -> None:
    variables = scope_of(frame_of(Kept(), env={"CI": "", "GITHUB_ACTIONS": "no"})).variables()

    assert (variables["CI"], variables["GITHUB_ACTIONS"]) == ("", "true")


def test_tools_find_the_tool_cache_the_image_and_the_trackers_id() -> None:
    frame = frame_of(Kept(), runner={"tool_cache": "/tools"})
    variables = scope_of(frame).variables()

    assert variables["RUNNER_TOOL_CACHE"] == variables["AGENT_TOOLSDIRECTORY"] == "/tools"
    assert variables["ImageOS"] == "debian12"
    assert variables["RUNNER_TRACKING_ID"].startswith("github_")


def test_what_a_fork_set_is_joined_and_what_others_set_meanwhile_stays() -> None:
    environment = StepEnvironment({"A": "1"}, ["/a"])
    fork = environment.fork()
    fork.set({"B": "fork"})
    fork.add_path("/fork")
    environment.set({"A": "2", "B": "main"})
    environment.add_path("/main")
    environment.join(fork)

    assert environment.variables == {"A": "2", "B": "fork"}
    assert environment.path == ["/fork", "/main", "/a"]


def test_a_directory_added_again_comes_first_and_once() -> None:
    environment = StepEnvironment()
    for directory in ("/a", "/b", "/a"):
        environment.add_path(directory)

    assert environment.path == ["/a", "/b"]
