"""Problem matchers, beyond the official runner's tables."""

from __future__ import annotations

import json

import anyio
import anyio.lowlevel
import pytest
from tests.unit.executor.scripted_turn import WORKSPACE, Kept, frame_of, turn_of

from terraphim_runner.executor.command_processor import CommandProcessor
from terraphim_runner.executor.matcher_set import MatcherSet
from terraphim_runner.executor.output_reader import OutputReader
from terraphim_runner.executor.problem_matcher import Matcher, MatcherInvalid, read_matchers
from terraphim_runner.ports.vm import Stream

pytestmark = pytest.mark.anyio


def _file(regexp: str, **more: object) -> str:
    return json.dumps({"problemMatcher": [{"owner": "me", "pattern": [{"regexp": regexp, "message": 1, **more}]}]})


@pytest.mark.parametrize(
    ("regexp", "line", "message"),
    [
        (r"^(?<text>\w+)$", "hi", "hi"),
        (r"^(?'text'\w+)$", "hi", "hi"),
        (r"^\s*at (.*\/a\.js)$", "  at x/a.js", "x/a.js"),
        (r"^at ([\\/]a)$", "at \\a", "\\a"),
        (r"^(\d+)$", "\u0663", None),
        (r"^(?:[^a-z]|b)(x)$", "bx", "x"),
    ],
)
def test_expressions_of_dot_net_are_understood(regexp: str, line: str, message: str | None) -> None:
    problem = Matcher(read_matchers(_file(regexp))[0]).match(line)

    assert (None if problem is None else problem["message"]) == message


@pytest.mark.parametrize("change", [{"file": "1"}, {"line": True}, {"loop": True}])
def test_a_file_that_means_nothing_is_refused(change: dict[str, object]) -> None:
    with pytest.raises(MatcherInvalid):
        read_matchers(_file("(x)", **change))


def test_two_matchers_of_one_owner_in_a_file_are_refused() -> None:
    matcher = json.loads(_file("(x)"))["problemMatcher"][0]
    with pytest.raises(MatcherInvalid, match="Duplicate owner name 'me'"):
        read_matchers(json.dumps({"problemMatcher": [matcher, matcher]}))


async def test_a_matcher_that_is_too_slow_three_times_is_removed_and_the_lines_are_kept() -> None:
    sink = Kept()
    frame = frame_of(sink)
    turn, matchers = turn_of(sink, frame), MatcherSet(frame.root, WORKSPACE, timeout_s=0.01)
    frame.root.files[f"{WORKSPACE}/m.json"] = _file("^(a|a)*$").encode()  # type: ignore[attr-defined]
    await matchers.add_file("m.json")
    opened = matchers.open()

    found = [opened.find("a" * 60 + "b", turn.log) for _ in range(3)]
    assert found == [False] * 3
    assert sink.lines == ["##[warning]Removing issue matcher 'me'. Matcher failed 3 times."]
    assert not opened.is_active


async def test_others_have_their_turn_between_lines_that_are_searched() -> None:
    """A chunk has thousands, each may take its time, and Ctrl-C is to be heard meanwhile."""
    sink = Kept()
    frame = frame_of(sink)
    turn, matchers = turn_of(sink, frame), MatcherSet(frame.root, WORKSPACE)
    frame.root.files[f"{WORKSPACE}/m.json"] = _file("^(x)$").encode()  # type: ignore[attr-defined]
    await matchers.add_file("m.json")
    reader = OutputReader(turn.log, CommandProcessor(turn), matchers, frame.run.masker)
    turns = 0

    async def take_turns() -> None:
        nonlocal turns
        while True:
            turns += 1
            await anyio.lowlevel.checkpoint()

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(take_turns)
        await reader.feed(Stream.STDOUT, b"y\n" * 100)
        tasks.cancel_scope.cancel()

    assert turns >= 100
