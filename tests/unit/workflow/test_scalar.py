"""Scalars mean what YAML 1.2's core schema says, as GitHub reads it."""

from __future__ import annotations

import math

import pytest

from terraphim_runner.workflow.scalar import TagError, resolve
from terraphim_runner.workflow.source import Style

CORE = "tag:yaml.org,2002:"


@pytest.mark.parametrize(
    "text", ["on", "off", "yes", "No", "y", "1_000", "0b1", "1:30", "2020-01-01", "nan", "-", "1."[:1] + "x"]
)
def test_what_yaml_1_1_made_something_of_is_a_string(text: str) -> None:
    assert text == resolve(text, Style.PLAIN, None)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", None),
        ("~", None),
        ("NULL", None),
        ("true", True),
        ("False", False),
        ("0755", 755.0),
        ("0o17", 15.0),
        ("0xFF", 255.0),
        ("-0", 0.0),
        ("+12", 12.0),
        ("3.10", 3.1),
        (".5", 0.5),
        ("1.", 1.0),
        ("1e3", 1000.0),
        ("-.INF", -math.inf),
        ("9" * 400, math.inf),
    ],
)
def test_a_plain_scalar_has_the_type_it_looks_like(text: str, expected: object) -> None:
    assert expected == resolve(text, Style.PLAIN, None)


def test_a_quoted_or_block_scalar_is_a_string() -> None:
    assert resolve("true", Style.SINGLE_QUOTED, None) == "true"
    assert resolve("3.10", Style.FOLDED, None) == "3.10"


@pytest.mark.parametrize(
    ("text", "tag", "expected"),
    [
        ("5", CORE + "str", "5"),
        ("5", "!", "5"),
        ("5", CORE + "float", 5.0),
        ("", CORE + "null", None),
        ("true", CORE + "bool", True),
    ],
)
def test_a_tag_decides(text: str, tag: str, expected: object) -> None:
    assert expected == resolve(text, Style.PLAIN, tag)


@pytest.mark.parametrize(
    ("text", "style", "tag"),
    [
        ("test", Style.PLAIN, CORE + "bool"),
        ("1.5", Style.PLAIN, CORE + "int"),
        ("300", Style.DOUBLE_QUOTED, CORE + "int"),
        ("x", Style.PLAIN, "!custom"),
        ("x", Style.PLAIN, "int"),
    ],
)
def test_a_value_that_does_not_fit_its_tag_is_refused(text: str, style: Style, tag: str) -> None:
    with pytest.raises(TagError):
        resolve(text, style, tag)
