"""Commands of the engine's own."""

from __future__ import annotations

import anyio
import pytest
from tests.unit.executor.scripted_turn import Kept, frame_of

from terraphim_runner.adapters.memory.vm import Behaviour
from terraphim_runner.executor.own_command import execute
from terraphim_runner.ports.vm import Command, Stream

pytestmark = pytest.mark.anyio


async def test_of_what_a_command_prints_only_the_beginning_is_kept() -> None:
    """A job may have put a program of its own in the place of the shell."""
    output = (
        (Stream.STDOUT, b"said\n" + b"x" * 50_000),
        (Stream.STDERR, b"no\xff"),
        (Stream.STDOUT, b"y" * 50_000),
    )
    async with anyio.create_task_group() as tasks:
        frame = frame_of(Kept(), tasks, script=lambda _: Behaviour(output=output))
        answer = await execute(frame.root, Command(("/bin/sh",)))

    assert answer.status.is_success
    assert (answer.output[:5], len(answer.output), answer.complaint) == ("said\n", 65_536, "no\ufffd")
