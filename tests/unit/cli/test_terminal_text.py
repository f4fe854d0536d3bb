"""What a step printed must not control the terminal of the one who reads it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from terraphim_runner.cli.terminal_text import clean


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("plain text, \u00fcber, \U0001f40d, tab\tkept", "plain text, \u00fcber, \U0001f40d, tab\tkept"),
        ("\x1b[31mred\x1b[0m", "\x1b[31mred\x1b[0m\x1b[0m"),
        ("\x1b[1;38;5;8mgrey", "\x1b[1;38;5;8mgrey\x1b[0m"),
        ("\x1b[38;2;8;5;6mrgb", "\x1b[38;2;8;5;6mrgb\x1b[0m"),
        ("\x1b[38:2::8:5:6mrgb", "\x1b[38:2::8:5:6mrgb\x1b[0m"),
        ("\x9b32mgreen", "\x1b[32mgreen\x1b[0m"),
        ("\x1b[8mhidden\x1b[5mblinks", "hiddenblinks"),
        ("\x1b[1;8mhidden", "\x1b[1mhidden\x1b[0m"),
        ("a\x1b[2Jb\x1b[Hc\x1b[10;3Hd\x1b[?1049he", "abcde"),
        ("\x1b]0;a title\x07text", "text"),
        ("\x1b]0;a title\x1b\\text", "text"),
        ("\x1b]52;c;aGVsbG8=\x07text", "text"),
        ("\x1b]8;;https://evil.example\x1b\\link\x1b]8;;\x1b\\", "link"),
        ("\x9d0;a title\x9ctext", "text"),
        ("text\x1b]0;never ends", "text"),
        ("\x1bP1$qm\x1b\\text", "text"),
        ("\x1bcreset\x1b(0charset\x1b7\x1b8", "resetcharset"),
        ("cut off \x1b", "cut off "),
        ("cut off \x1b[3", "cut off "),
        ("ding\x07\x0e\x0c\x00\x7f", "ding"),
        ("user\u202etxt.exe", "usertxt.exe"),
        ("not text \ud800", "not text \ufffd"),
        ("10%\r50%\r100%", "100%"),
        ("windows\r", "windows"),
        ("\r\r", ""),
        ("working |\b/\b-\bdone", "working done"),
        ("\b\bx", "x"),
    ],
)
def test_only_text_and_colours_are_left(line: str, expected: str) -> None:
    """Titles, cursor, clipboard, links, screens, bells: none of them is a step's to touch."""
    assert clean(line, has_colours=True) == expected


def test_without_colours_no_sequence_is_left() -> None:
    """A file or a pipe gets text."""
    assert clean("\x1b[1;31mred\x1b[0m \x1b]0;t\x07\x1b[2Jtext", has_colours=False) == "red text"


_PIECES = st.sampled_from(
    [
        "\x1b",
        "[",
        "]",
        "m",
        "0",
        ";",
        "38",
        "5",
        "8",
        "\x07",
        "\\",
        "\x9b",
        "\x9c",
        "\x9d",
        "P",
        "J",
        "?",
        "a",
        "\r",
        "\b",
    ]
)


@given(st.one_of(st.lists(_PIECES).map("".join), st.text()))
def test_whatever_is_printed_only_colours_start_with_an_escape(line: str) -> None:
    """Cleaning twice changes nothing but the reset, and no escape is left where colours are not wanted."""
    coloured, plain = clean(line, has_colours=True), clean(line, has_colours=False)

    assert not set(plain) & {chr(code) for code in (*range(9), *range(10, 32), *range(127, 160))}
    for rest in coloured.split("\x1b")[1:]:
        head, end, _ = rest.partition("m")
        assert head.startswith("[")
        assert end == "m"
        assert set(head[1:]) <= set("0123456789:;")


def test_a_hostile_line_takes_linear_time() -> None:
    """A megabyte of unfinished sequences must not stop the output of everybody else."""
    for piece in ("\x1b]", "\x1b[", "\x1b[1;", "\x1bP", "\b", "\r", "\x9d"):
        clean(piece * 300_000, has_colours=True)
