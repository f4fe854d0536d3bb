"""One command of a step: what it leaves for the step and for those after it."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, cast

import anyio
import pytest
from tests.unit.executor.scripted_turn import Kept, frame_of, turn_of

from terraphim_runner.adapters.memory.vm import Behaviour, Call
from terraphim_runner.domain.conclusion import Conclusion
from terraphim_runner.domain.errors import FileTransferFailed
from terraphim_runner.domain.event import StepSummary
from terraphim_runner.executor.file_command import command_file_paths
from terraphim_runner.executor.step_process import ProcessCall, StepProcess
from terraphim_runner.ports.vm import ExitStatus

if TYPE_CHECKING:
    from collections.abc import Mapping

    from terraphim_runner.executor.step_end import StepEnd
    from terraphim_runner.executor.turn import Turn

pytestmark = pytest.mark.anyio

_CALL = ProcessCall(("program",), "/")
_PATHS = command_file_paths("/run/runner", "1")


async def _run(files: Mapping[str, str], code: int = 0) -> tuple[Kept, Turn, StepEnd]:
    sink = Kept()
    contents = {_PATHS[name]: text.encode() for name, text in files.items()}
    behaviour = Behaviour(files=contents, status=ExitStatus(code=code))
    async with anyio.create_task_group() as tasks:
        turn = turn_of(sink, frame_of(sink, tasks, script=lambda _: behaviour))
        async with turn.scope.state.executions:
            end = await StepProcess(turn).run(_CALL)
    return sink, turn, end


async def test_what_a_failing_command_wrote_counts() -> None:
    _, turn, end = await _run({"env": "A=1\n", "path": "/a\n/b\n", "output": "o=2\n", "state": "s=3\n"}, code=1)

    assert end.outcome is Conclusion.FAILURE
    assert (end.outputs, end.state) == ({"o": "2"}, {"s": "3"})
    assert turn.scope.environment.variables == {"A": "1"}
    assert turn.scope.environment.path == ["/b", "/a"]


async def test_what_comes_before_a_fault_counts_and_the_step_fails() -> None:
    sink, turn, end = await _run({"env": "A=1\nnonsense\nB=2\n"})

    assert turn.scope.environment.variables == {"A": "1"}
    assert end.reason == "Unable to process file command 'env' successfully: Invalid format 'nonsense'"
    assert sink.lines == [
        "##[error]Unable to process file command 'env' successfully.",
        "##[error]Invalid format 'nonsense'",
    ]


async def test_a_fault_in_one_file_does_not_touch_the_others() -> None:
    _, turn, end = await _run({"env": "nonsense", "path": "/a\n", "output": "o=1\n"})

    assert end.outputs == {"o": "1"}
    assert turn.scope.environment.path == ["/a"]


async def test_no_step_sets_node_options_for_the_actions_after_it() -> None:
    sink, turn, end = await _run({"env": "Node_Options=--inspect\nA=1\n"})

    assert turn.scope.environment.variables == {"A": "1"}
    assert end.outcome is Conclusion.SUCCESS
    assert sink.lines == ["##[error]Can't store NODE_OPTIONS output parameter using '$GITHUB_ENV' command."]


async def test_a_summary_of_more_than_a_mebibyte_is_left_out() -> None:
    sink, _, end = await _run({"step_summary": "x" * (1024 * 1024 + 1024)})

    assert end.outcome is Conclusion.SUCCESS
    assert not [event for event in sink.events if isinstance(event, StepSummary)]
    assert sink.lines[0].startswith(
        "##[error]$GITHUB_STEP_SUMMARY upload aborted, supports content up to a size of 1024k, got 1025k."
    )


async def test_a_file_too_large_to_come_back_fails_the_step_by_name_and_the_others_count() -> None:
    sink = Kept()
    large = b"x" * ((4 << 20) + 1)

    def script(call: Call) -> Behaviour:
        del call
        files = {_PATHS["env"]: b"A=1\n", _PATHS["output"]: large, _PATHS["step_summary"]: large}
        return Behaviour(files=files)

    async with anyio.create_task_group() as tasks:
        frame = frame_of(sink, tasks, script=script)
        turn = turn_of(sink, replace(frame, root=cast("Any", _Narrow(frame.root))))
        async with turn.scope.state.executions:
            end = await StepProcess(turn).run(_CALL)

    assert end.outcome is Conclusion.FAILURE
    assert "GITHUB_OUTPUT may hold 4 MiB, and it holds more." in (end.reason or "")
    assert "of 1024k, got more than 4096k." in "".join(sink.lines)
    assert turn.scope.environment.variables == {"A": "1"}


class _Narrow:
    """A root whose commands' files are too large to come back with them."""

    def __init__(self, root: Any) -> None:
        self._root = root
        self.environment = root.environment
        self.work_root = root.work_root
        self.get_file = root.get_file

    def exec(self, command: Any) -> Any:
        context = self._root.exec(command)
        return _NarrowContext(context) if command.read_back else context


class _NarrowContext:
    def __init__(self, context: Any) -> None:
        self._context = context

    async def __aenter__(self) -> Any:
        execution = await self._context.__aenter__()

        async def refuse() -> None:
            raise FileTransferFailed("more than 4 MiB")

        execution.read_back = refuse
        return execution

    async def __aexit__(self, *error: object) -> Any:
        return await self._context.__aexit__(*error)
