"""Command lines as .NET splits them."""

from __future__ import annotations

import pytest

from terraphim_runner.executor.argument import split_arguments


@pytest.mark.parametrize(
    ("line", "arguments"),
    [
        ("a  b\tc", ("a", "b", "c")),
        ('a "b c" d', ("a", "b c", "d")),
        ('a"b c"d', ("ab cd",)),
        ("'b c'", ("'b", "c'")),
        (r"a\b \\x", (r"a\b", r"\\x")),
        (r"a\"b", ('a"b',)),
        (r'"a\\" b', ("a\\", "b")),
        ('"a""b"', ('a"b',)),
        ('"" a', ("", "a")),
        ('"a b', ("a b",)),
        ("  ", ()),
    ],
)
def test_a_command_line_is_split_as_dot_net_splits_it(line: str, arguments: tuple[str, ...]) -> None:
    assert split_arguments(line) == arguments
