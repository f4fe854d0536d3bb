"""`::name key=value::data`."""

from __future__ import annotations

import pytest

from terraphim_runner.executor.workflow_command import WorkflowCommand, parse_workflow_command


@pytest.mark.parametrize(
    ("line", "command"),
    [
        ("::debug::hi", WorkflowCommand("debug", "hi")),
        ("  ::error file=a.py,line=3::bad", WorkflowCommand("error", "bad", {"file": "a.py", "line": "3"})),
        ("::set-output name=x::a::b", WorkflowCommand("set-output", "a::b", {"name": "x"})),
        ("::warning title=a%3Ab%2Cc::1%0A2%25", WorkflowCommand("warning", "1\n2%", {"title": "a:b,c"})),
        ("::GROUP::x", WorkflowCommand("group", "x")),
        ("::endgroup::", WorkflowCommand("endgroup", "")),
        ("plain", None),
        ("a ::debug::hi", None),
        ("::no end", None),
        (":: ::x", None),
    ],
)
def test_a_line_is_read_as_the_official_runner_reads_it(line: str, command: WorkflowCommand | None) -> None:
    assert parse_workflow_command(line) == command


def test_an_escaped_percent_sign_is_not_unescaped_twice() -> None:
    command = parse_workflow_command("::debug::%250A")

    assert command is not None
    assert command.data == "%0A"
