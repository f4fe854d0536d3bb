"""Offsets in a scalar's value lead back to the very character in the file."""

from __future__ import annotations

import pytest

from terraphim_runner.domain.diagnostic import Position
from terraphim_runner.workflow.composer import DEFAULT_LIMITS, compose
from terraphim_runner.workflow.node import MappingNode, ScalarNode
from terraphim_runner.workflow.report import Report
from terraphim_runner.workflow.source import Source


def scalar(text: str) -> ScalarNode:
    root = compose(Source("f.yml", text), Report(), DEFAULT_LIMITS)
    assert isinstance(root, MappingNode)
    value = root.entries[0][1]
    assert isinstance(value, ScalarNode)
    return value


def test_a_position_counts_lines_and_columns_from_one() -> None:
    assert Position(1, 1) == Source("f", "ab\ncd").position(0)
    assert Position(2, 2) == Source("f", "ab\ncd").position(4)


@pytest.mark.parametrize("line_break", ["\n", "\r\n", "\r"])
def test_every_kind_of_line_break_ends_a_line(line_break: str) -> None:
    assert Position(2, 1) == Source("f", f"ab{line_break}cd").position(2 + len(line_break))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("k: abX", Position(1, 6)),
        ("k: 'abX'", Position(1, 7)),
        ("k: 'a''bX'", Position(1, 9)),
        ('k: "abX"', Position(1, 7)),
        ('k: "a\\"bX"', Position(1, 9)),
        ('k: "a\\u00e9bX"', Position(1, 13)),
        ('k: "a\\n\\tX"', Position(1, 10)),
        ("k: ab\n  cdX", Position(2, 5)),
        ("k: 'ab\n  cdX'", Position(2, 5)),
        ('k: "ab\\\n  cdX"', Position(2, 5)),
        ("k: |\n  ab\n  cdX\n", Position(3, 5)),
        ("k: |2-\n    ab\n   cdX\n", Position(3, 6)),
        ("k: >\n  ab\n  cdX\n", Position(3, 5)),
        ("k: >-\n\n  ab\n\n  X\n", Position(5, 3)),
        ("k: |\n  ab # no comment\n  X\n", Position(3, 3)),
        ("k: |\r\n  ab\r\n  X\r\n", Position(3, 3)),
        ("k: |\n  é𝄞X\n", Position(2, 5)),
    ],
)
def test_a_character_is_found_where_it_was_written(text: str, expected: Position) -> None:
    node = scalar(text)

    assert expected == node.excerpt.position(node.text, node.text.index("X"))


def test_a_stretch_ends_behind_its_last_character() -> None:
    node = scalar("k: |\n  a\n  bcd\n")
    span = node.excerpt.span(node.text, 2, 5)

    assert (Position(3, 3), Position(3, 6)) == (span.start, span.end)


def test_an_offset_behind_the_end_stays_in_the_scalar() -> None:
    node = scalar("k: ab")

    assert Position(1, 6) == node.excerpt.position(node.text, 99)
