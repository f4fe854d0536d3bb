"""Workflow commands and problem matchers against the official runner's own test tables."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from tests.unit.executor.scripted_turn import WORKSPACE, Kept, frame_of, turn_of

from terraphim_runner.executor.annotation import valid_positions
from terraphim_runner.executor.command_processor import CommandProcessor
from terraphim_runner.executor.output_reader import OutputReader
from terraphim_runner.executor.problem_matcher import Matcher, MatcherInvalid, read_matchers
from terraphim_runner.executor.workflow_command import parse_workflow_command
from terraphim_runner.ports.vm import Stream

pytestmark = [pytest.mark.conformance, pytest.mark.anyio]

_TABLES = Path(__file__).parents[3] / "shared/conformance/actions-runner"


# Upstream changes the pattern between the two lines of these tests, which the table does not tell.
_CHANGED_PATTERN = frozenset({
    "IssueMatcherL0/Matcher_SinglePattern_DefaultFromPath",
    "IssueMatcherL0/Matcher_MultiplePatterns_DefaultFromPath",
})  # fmt: skip


def _cases(name: str) -> pytest.MarkDecorator:
    """Give a test every row of a table; without the table there is one row, which skips."""
    path = _TABLES / name
    if not path.exists():
        skipped = pytest.param({}, marks=pytest.mark.skip(reason=f"{path} is not here"))
        return pytest.mark.parametrize("case", [skipped])
    return pytest.mark.parametrize("case", json.loads(path.read_text())["cases"], ids=lambda case: case["id"])


@_cases("command-parse.json")
def test_a_line_is_a_command_where_the_official_runner_sees_one(case: dict[str, Any]) -> None:
    command = parse_workflow_command(case["line"], [name.lower() for name in case["registered"]])

    expected = case["expected"]
    if expected is None:
        assert command is None
        return
    assert command is not None
    assert (command.name, command.data) == (expected["command"], expected["data"])
    assert command.properties == {name.lower(): value for name, value in expected["properties"].items()}


@_cases("command-processing.json")
async def test_commands_are_obeyed_as_by_the_official_runner(case: dict[str, Any]) -> None:
    sink = Kept()
    processor = CommandProcessor(turn_of(sink, env=case.get("env")))
    states = []
    for line, is_command in case["steps"]:
        is_obeyed = await processor.obey(line)
        assert is_obeyed is (is_command if is_command is not None else is_obeyed)
        states.append(processor.is_echoing)

    assert states == case.get("echo_state", states)
    is_failed = case.get("expect_error", False) or case.get("command_result") == "failed"
    assert (processor.results.fault is not None) is is_failed


@_cases("annotation-positions.json")
def test_lines_and_columns_that_make_no_sense_are_dropped(case: dict[str, Any]) -> None:
    command = parse_workflow_command(case["line"])

    assert command is not None
    positions = valid_positions(command.properties)
    assert not {name.lower() for name in case["absent"]} & positions.keys()
    for name, value in case["expected_properties"].items():
        assert positions[name.lower()] == int(value)


@_cases("problem-matcher-config.json")
def test_a_matcher_is_valid_where_it_is_for_the_official_runner(case: dict[str, Any]) -> None:
    text = json.dumps(case["config"])
    if case["valid"]:
        assert read_matchers(text)
        return
    with pytest.raises(MatcherInvalid):
        read_matchers(text)


@_cases("problem-matcher-match.json")
def test_a_matcher_finds_what_the_official_runners_finds(case: dict[str, Any]) -> None:
    matcher = Matcher(read_matchers(json.dumps(case["config"]))[0])
    steps = case["steps"]
    if case["id"] in _CHANGED_PATTERN:
        steps = steps[: next(index for index, step in enumerate(steps) if "fromPath" in step["line"])]
    for step in steps:
        problem = matcher.match(step["line"])
        if "match" not in step:
            continue
        if step["match"] is None:
            assert problem is None
            continue
        assert problem is not None
        assert {name: problem[name] for name in step["match"]} == step["match"]


@_cases("output-manager.json")
async def test_output_goes_where_it_goes_with_the_official_runner(case: dict[str, Any]) -> None:
    sink = Kept()
    frame = frame_of(sink, secrets={"ACTIONS_STEP_DEBUG": "true"})
    turn = turn_of(sink, frame)
    matchers, files = turn.scope.state.matchers, frame.root.files  # type: ignore[attr-defined]  # it is a fake
    for config in reversed(case["matchers"]):
        await _add(matchers, files, config)
    reader = OutputReader(turn.log, CommandProcessor(turn), matchers, frame.run.masker)
    for step in case["steps"]:
        if "add" in step:
            await _add(matchers, files, step["add"])
        elif "remove" in step:
            matchers.remove_owner(step["remove"])
        else:
            await reader.feed(Stream.STDOUT, (step["line"] + "\n").encode())

    _compare_issues(case, sink)
    assert "##[start-action" not in "".join(sink.lines)
    problem_lines = {f"##[{each.level.value}]" for each in sink.annotations}
    messages = [line for line in sink.lines if line.partition("]")[0] + "]" not in problem_lines]
    for expected in case["expected_output"]:
        if expected["stream"] == "messages":
            assert expected["text"] in messages


async def _add(matchers: Any, files: dict[str, bytes], config: dict[str, Any]) -> None:
    files[f"{WORKSPACE}/matcher.json"] = json.dumps({"problemMatcher": [config]}).encode()
    await matchers.add_file("matcher.json")


def _compare_issues(case: dict[str, Any], sink: Kept) -> None:
    found = [each for each in sink.annotations if each.message]
    if "some-command" in json.dumps(case["steps"]):  # a command that only that test registers
        found = [each for each in found if "even though" not in each.message and "not working" not in each.message]
    assert len(found) == case["expected_counts"].get("issues", len(found))
    for annotation, expected in zip(found, case["expected_issues"], strict=False):
        assert annotation.message == expected.get("message", annotation.message)
        assert annotation.level.value == expected.get("type", annotation.level.value)
