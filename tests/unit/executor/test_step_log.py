"""What a step's log shows."""

from __future__ import annotations

import pytest
from tests.unit.executor.scripted_turn import Kept, turn_of

from terraphim_runner.executor.command_processor import CommandProcessor
from terraphim_runner.executor.output_reader import OutputReader
from terraphim_runner.ports.vm import Stream

pytestmark = pytest.mark.anyio


async def _shown(output: bytes, *secrets: str, size: int = 1 << 16) -> list[str]:
    sink = Kept()
    turn = turn_of(sink)
    masker = turn.scope.frame.run.masker
    for secret in secrets:
        masker.add(secret)
    reader = OutputReader(turn.log, CommandProcessor(turn), turn.scope.state.matchers, masker)
    for start in range(0, len(output), size):
        await reader.feed(Stream.STDOUT, output[start : start + size])
    await reader.finish()
    return sink.lines


@pytest.mark.parametrize("size", [1, 7, 1 << 16])
async def test_p8_p9_lines_come_whole_in_order_and_masked_however_they_are_cut(size: int) -> None:
    output = b"one\r\n\nkey=hunter2\n\xc3\xa9\xff\nlast"

    assert await _shown(output, "hunter2", size=size) == ["one", "", "key=***", "\u00e9\ufffd", "last"]


async def test_p9_what_only_looks_like_a_secret_across_two_lines_stays() -> None:
    assert await _shown(b"open\nsesame\n", "open sesame") == ["open", "sesame"]


async def test_a_command_among_plain_lines_is_obeyed_where_it_stands() -> None:
    assert await _shown(b"hunter2\n::add-mask::hunter2\nhunter2\n") == ["hunter2", "***"]
