"""Marks in a log, as the runner writes them."""

from __future__ import annotations

import pytest

from terraphim_runner.cli.log_line import LineKind, LogLine, parse_line


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("text", LogLine(LineKind.OUTPUT, "text")),
        ("##[group]Install", LogLine(LineKind.GROUP, "Install")),
        ("##[endgroup]", None),
        ("##[error]It broke\nin two lines", LogLine(LineKind.ERROR, "It broke\nin two lines")),
        ("##[warning]", LogLine(LineKind.WARNING, "")),
        ("##[unknown]x", LogLine(LineKind.OUTPUT, "##[unknown]x")),
        (" ##[error]not at the start", LogLine(LineKind.OUTPUT, " ##[error]not at the start")),
    ],
)
def test_a_mark_gives_a_line_its_kind(line: str, expected: LogLine | None) -> None:
    """Only known marks, only at the start."""
    assert parse_line(line) == expected
