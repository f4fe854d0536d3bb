"""What a file is, and bytes that are no text."""

from __future__ import annotations

import pytest

from terraphim_runner.cli.source_file import SourceFile, decode


@pytest.mark.parametrize(
    ("name", "text", "is_action"),
    [
        ("a/action.yml", "", True),
        ("action.yaml", "", True),
        (".github/workflows/action.yml", "runs:\n", False),
        ("x.yml", "name: a\nruns:\n  using: node20\n", True),
        ("x.yml", "on: push\njobs:\n", False),
        ("x.yml", "on: push\njobs:\n  a:\n    runs: x\n", False),
        ("x.yml", "", False),
    ],
)
def test_an_action_is_told_from_a_workflow(name: str, text: str, is_action: bool) -> None:
    assert is_action is SourceFile(name, text).is_action


def test_bytes_that_are_no_utf_8_have_a_fault_in_their_place() -> None:
    source = decode("ci.yml", "name: é\non: ".encode() + b"\xff\n")
    assert source.fault is not None

    assert (source.fault.span.start.line, source.fault.span.start.column) == (2, 5)
    assert "0xff" in source.fault.message
    assert source.text == ""


def test_utf_8_has_none() -> None:
    assert decode("ci.yml", "on: é".encode()) == SourceFile("ci.yml", "on: é")
