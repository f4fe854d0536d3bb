"""Files of assignments."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from terraphim_runner.cli.dotenv import parse_dotenv, read_dotenv
from terraphim_runner.domain.errors import UsageError

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", {}),
        ("A=1\nB=two words\n", {"A": "1", "B": "two words"}),
        ("# a comment\n\n   # another\nexport A = 1  # the first\n", {"A": "1"}),
        ("A=#no\nB=x#y\nC=\n", {"A": "", "B": "x#y", "C": ""}),
        ("A='it is # $HOME \\n'\n", {"A": "it is # $HOME \\n"}),
        ('A="say \\"hi\\"\\n\\$5 \\x"  # quoted', {"A": 'say "hi"\n$5 \\x'}),
        ("A=$HOME${B}\n", {"A": "$HOME${B}"}),
        ("KEY='-----BEGIN\nsecond=line\n# third'\nB=2", {"KEY": "-----BEGIN\nsecond=line\n# third", "B": "2"}),
        ('KEY="one\ntwo"\n', {"KEY": "one\ntwo"}),
        ("A=1\nA=2\n", {"A": "2"}),
        ("A=a=b\n", {"A": "a=b"}),
        ("A=it's\n", {"A": "it's"}),
    ],
)
def test_assignments_are_read_and_nothing_is_expanded(text: str, expected: dict[str, str]) -> None:
    assert dict(parse_dotenv(text, ".env")) == expected


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("A=1\nhunter2\n", ".env:2: this is no NAME=VALUE"),
        ("1A=hunter2\n", ".env:1: this is no NAME=VALUE"),
        ("A='one\ntwo'\nB='hunter2\n", ".env:3: the closing quote is missing"),
        ("\nA='1' hunter2\n", ".env:2: something follows the closing quote"),
    ],
)
def test_p8_a_line_that_is_none_is_said_with_its_number_and_without_its_content(text: str, message: str) -> None:
    """It may be a part of a secret."""
    with pytest.raises(UsageError) as raised:
        dict(parse_dotenv(text, ".env"))

    assert str(raised.value) == message
    assert "hunter2" not in f"{raised.value} {raised.value.hint}"


@given(st.dictionaries(st.from_regex(r"[A-Z_][A-Z0-9_]{0,5}", fullmatch=True), st.text(max_size=20)))
def test_what_is_quoted_comes_back(values: dict[str, str]) -> None:
    """Whatever a value holds."""

    def quoted(value: str) -> str:
        return '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'

    text = "".join(f"{name}={quoted(value)}\n" for name, value in values.items())

    assert dict(parse_dotenv(text, ".env")) == values


def test_a_file_that_cannot_be_read_is_said(tmp_path: Path) -> None:
    """Or that is no text."""
    binary = tmp_path / "binary"
    binary.write_bytes(b"A=\xff\n")

    with pytest.raises(UsageError, match=r"cannot read .*No such file"):
        read_dotenv(tmp_path / "none")
    with pytest.raises(UsageError, match="is not UTF-8"):
        read_dotenv(binary)


def test_windows_line_ends_and_marks_are_no_part_of_values(tmp_path: Path) -> None:
    """An editor there writes both."""
    (tmp_path / ".env").write_bytes(b"\xef\xbb\xbfA=1\r\nB=2\r\n")

    assert read_dotenv(tmp_path / ".env") == {"A": "1", "B": "2"}
