"""What workflow commands do, beyond the official runner's tables."""

from __future__ import annotations

import json

import pytest
from tests.unit.executor.scripted_turn import WORKSPACE, Kept, frame_of, turn_of

from terraphim_runner.domain.event import AnnotationLevel, SourcePlace
from terraphim_runner.executor.command_processor import CommandProcessor
from terraphim_runner.executor.output_reader import OutputReader
from terraphim_runner.ports.vm import Stream

pytestmark = pytest.mark.anyio

_UNSECURE = {"ACTIONS_ALLOW_UNSECURE_COMMANDS": "true"}


async def _obey(*lines: str, env: dict[str, str] | None = None) -> tuple[Kept, CommandProcessor]:
    sink = Kept()
    turn = turn_of(sink, env=env)
    processor = CommandProcessor(turn)
    reader = OutputReader(turn.log, processor, turn.scope.state.matchers, turn.scope.frame.run.masker)
    await reader.feed(Stream.STDOUT, "".join(f"{line}\n" for line in lines).encode())
    return sink, processor


@pytest.mark.parametrize(
    ("line", "shown"),
    [
        ("::group::Build", "##[group]Build"),
        ("::endgroup::ignored", "##[endgroup]"),
        ("##[group]Build", "##[group]Build"),
        ("::warning::careful", "##[warning]careful"),
        ("##[error]bad", "##[error]bad"),
        ("::unknown::x", "::unknown::x"),
        ("::internal-set-repo-path repoFullName=a::b", "::internal-set-repo-path repoFullName=a::b"),
    ],
)
async def test_what_the_log_shows_of_a_command(line: str, shown: str) -> None:
    sink, _ = await _obey(line)

    assert sink.lines == [shown]


async def test_debug_messages_are_for_those_who_ask_for_them() -> None:
    sink = Kept()
    await CommandProcessor(turn_of(sink)).obey("::debug::hidden")
    loud = turn_of(sink, frame_of(sink, variables={"ACTIONS_STEP_DEBUG": "true"}))
    await CommandProcessor(loud).obey("::debug::shown")

    assert sink.lines == ["##[debug]shown"]


async def test_an_annotation_has_its_place_and_title() -> None:
    line = f"::error file={WORKSPACE}/src/a.py,line=3,col=2,endColumn=9,title=Bad%3A::it is%0Abad"
    sink, _ = await _obey(line)

    (annotation,) = sink.annotations
    assert (annotation.level, annotation.message, annotation.title) == (
        AnnotationLevel.ERROR,
        "it is\nbad",
        "Bad:",
    )
    assert annotation.place == SourcePlace("src/a.py", line=3, column=2, end_column=9)


async def test_ten_annotations_of_a_level_are_sent_and_every_line_is_logged() -> None:
    sink, _ = await _obey(*(f"::warning::{number}" for number in range(12)), "::error::other")

    assert len(sink.annotations) == 11
    assert len(sink.lines) == 13


async def test_p8_annotations_are_masked_and_cut() -> None:
    sink, _ = await _obey("::add-mask::hunter2", f"::error title=hunter2::hunter2 {'x' * 5000}")

    (annotation,) = sink.annotations
    assert annotation.title == "***"
    assert annotation.message.startswith("*** x")
    assert len(annotation.message) == 4096


async def test_p8_a_mask_is_never_shown_not_even_when_commands_are_echoed() -> None:
    sink, _ = await _obey("::echo::on", "::add-mask::hunter2", "hunter2")

    assert sink.lines == ["::add-mask::***", "***"]


async def test_an_empty_mask_is_warned_of() -> None:
    sink, _ = await _obey("::add-mask::  ")

    assert sink.lines == ["##[warning]Can't add secret mask for empty string in ##[add-mask] command."]


async def test_echoed_commands_are_in_the_log() -> None:
    sink, _ = await _obey("::echo::on", "::group::x", "::echo::off", "::group::y")

    assert sink.lines == ["::group::x", "##[group]x", "::echo::off", "##[group]y"]


async def test_stopped_commands_are_output_until_the_token_comes() -> None:
    sink, processor = await _obey(
        "::stop-commands::T0ken", "::set-output name=a::1", "::T0KEN::", "::set-output name=b::2"
    )

    assert processor.results.outputs == {"b": "2"}
    assert "::set-output name=a::1" in sink.lines


async def test_deprecated_commands_work_and_say_so() -> None:
    sink, processor = await _obey("::set-output name=a::1", "::save-state name=s::2")

    assert (processor.results.outputs, processor.results.state) == ({"a": "1"}, {"s": "2"})
    assert [each.level for each in sink.annotations] == [AnnotationLevel.WARNING] * 2
    assert sink.lines[0].startswith("##[warning]The `set-output` command is deprecated")


@pytest.mark.parametrize("line", ["::set-env name=A::1", "::add-path::/opt", "##[set-env name=A;]1"])
async def test_p6_a_disabled_command_fails_the_step(line: str) -> None:
    sink, processor = await _obey(line)

    assert (processor.results.env, processor.results.path) == ({}, [])
    assert "command is disabled" in (processor.results.fault or "")
    assert sink.lines[0].startswith("##[error]Unable to process command '")


async def test_disabled_commands_work_where_the_author_insists() -> None:
    _, processor = await _obey("::set-env name=A::1", "::add-path::/opt", env=_UNSECURE)

    assert (processor.results.env, processor.results.path) == ({"A": "1"}, ["/opt"])


async def test_no_command_sets_node_options() -> None:
    sink, processor = await _obey("::set-env name=NODE_OPTIONS::--inspect", env=_UNSECURE)

    assert processor.results.env == {}
    assert sink.lines == ["##[error]Can't update NODE_OPTIONS environment variable using ::set-env:: command."]


async def test_a_step_adds_a_matcher_and_takes_it_away() -> None:
    sink = Kept()
    frame = frame_of(sink)
    matcher = {"owner": "me", "pattern": [{"regexp": "^(.+):(\\d+): (.+)$", "file": 1, "line": 2, "message": 3}]}
    frame.root.files[f"{WORKSPACE}/m.json"] = json.dumps({"problemMatcher": [matcher]}).encode()  # type: ignore[attr-defined]
    turn = turn_of(sink, frame)
    reader = OutputReader(turn.log, CommandProcessor(turn), turn.scope.state.matchers, turn.scope.frame.run.masker)
    lines = [
        "a.c:1: x",
        "::add-matcher::m.json",
        "src/a.c:7: \x1b[31mbad\x1b[0m",
        "/etc/x:1: y",
        "::remove-matcher owner=ME::",
        "b.c:2: z",
    ]
    await reader.feed(Stream.STDERR, "".join(f"{line}\n" for line in lines).encode())

    assert [(each.message, each.place) for each in sink.annotations] == [
        ("bad", SourcePlace("src/a.c", line=7)),
        ("y", None),
    ]
    assert sink.lines == ["a.c:1: x", "##[error]src/a.c:7: bad", "##[error]/etc/x:1: y", "b.c:2: z"]


@pytest.mark.parametrize(
    ("content", "fault"),
    [
        (None, "no such file"),
        ("nonsense", "is no JSON"),
        ('{"problemMatcher": [{"owner": "a", "pattern": [{"regexp": "(", "message": 1}]}]}', "is invalid"),
    ],
)
async def test_p7_a_matcher_that_cannot_be_had_fails_the_step(content: str | None, fault: str) -> None:
    sink = Kept()
    frame = frame_of(sink)
    if content is not None:
        frame.root.files[f"{WORKSPACE}/m.json"] = content.encode()  # type: ignore[attr-defined]
    processor = CommandProcessor(turn_of(sink, frame))
    await processor.obey("::add-matcher::m.json")

    assert fault in (processor.results.fault or "")
