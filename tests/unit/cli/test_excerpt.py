"""Excerpts point at what is wrong, whatever the line holds."""

from __future__ import annotations

import pytest

from terraphim_runner.cli.excerpt import render_excerpt
from terraphim_runner.domain.diagnostic import Diagnostic, Position, Severity, Span


def rendered(line: str, start: int, end: int, *, end_line: int = 2, hint: str | None = None) -> list[str]:
    span = Span("ci.yml", Position(2, start), Position(end_line, end))
    fault = Diagnostic(span, Severity.ERROR, "a-code", "It is wrong", hint)
    return render_excerpt(fault, ["first", line, "third"], has_colours=False).splitlines()


def test_an_excerpt_in_full() -> None:
    assert rendered("  stepz: []", 3, 8, hint="did you mean `steps`?") == [
        "error[a-code]: It is wrong",
        " --> ci.yml:2:3",
        "  |",
        "2 |   stepz: []",
        "  |   ^^^^^",
        "  = help: did you mean `steps`?",
    ]


@pytest.mark.parametrize(
    ("line", "start", "end", "under"),
    [
        ("ab", 1, 1, "^"),  # an empty stretch still has a caret
        ("ab", 3, 3, "  ^"),  # behind the line's end
        ("\t\tab", 3, 5, "  ^^"),
        ("日本: x", 4, 5, "     ^"),  # wide characters take two columns
        ("e\u0301x", 3, 4, " ^"),  # combining ones none
    ],
)
def test_the_carets_stand_under_the_characters(line: str, start: int, end: int, under: str) -> None:
    assert rendered(line, start, end)[4] == f"  | {under}"


def test_of_several_lines_the_first_is_shown_to_its_end() -> None:
    assert rendered("  run: |  ", 3, 4, end_line=3)[4] == "  |   ^^^^^^"


def test_a_long_line_is_cut_around_the_fault() -> None:
    lines = rendered("x" * 5_000 + "HERE" + "y" * 5_000, 5_001, 5_005)

    assert "HERE" in lines[3]
    assert len(lines[3]) < 200
    assert lines[3].index("HERE") == lines[4].index("^^^^")


def test_a_line_that_is_not_there_is_left_out() -> None:
    span = Span("ci.yml", Position(9, 1), Position(9, 1))
    fault = Diagnostic(span, Severity.WARNING, "a-code", "It is odd")

    assert render_excerpt(fault, [], has_colours=False) == "warning[a-code]: It is odd\n --> ci.yml:9:1"


def test_what_an_author_wrote_cannot_steer_the_terminal() -> None:
    shown = "\n".join(rendered("a: \x1b[2J\x1b]0;title\x07", 1, 2))

    assert "\x1b" not in shown
    assert "\x07" not in shown


def test_colours_are_put_on_request() -> None:
    span = Span("ci.yml", Position(1, 1), Position(1, 2))
    fault = Diagnostic(span, Severity.ERROR, "a-code", "It is wrong")

    assert "\x1b[1;31m" in render_excerpt(fault, ["a"], has_colours=True)
