"""Indices and filters."""

from __future__ import annotations

import math

import pytest

from terraphim_runner.expressions.indexing import everything_in, index_into
from terraphim_runner.expressions.value import Array, Object, Value, from_python, to_python

ARRAY = Array(("zero", "one"))


@pytest.mark.parametrize(
    ("index", "item"),
    [
        (0.0, "zero"),
        (1.9, "one"),
        ("1", "one"),
        (True, "one"),
        (None, "zero"),
        (-1.0, None),
        (2.0, None),
        (math.nan, None),
        (math.inf, None),
        ("x", None),
    ],
)
def test_an_array_is_indexed_by_whatever_has_a_number(index: Value, item: Value) -> None:
    assert item == index_into(ARRAY, index)


def test_an_object_is_indexed_by_whatever_has_a_text() -> None:
    mapping = Object([("1", "one"), ("true", "yes"), ("", "blank")])

    assert index_into(mapping, 1.0) == "one"
    assert index_into(mapping, True) == "yes"
    assert index_into(mapping, None) == "blank"
    assert index_into(mapping, Array()) is None


def test_a_filter_spreads_one_level_and_drops_what_misses() -> None:
    data = from_python([{"a": 1, "b": [2, 3]}, "text", [{"a": 4}], {"b": 5}])
    spread = everything_in(data)

    assert to_python(index_into(spread, "a")) == [1]
    assert to_python(everything_in(spread)) == [1, [2, 3], {"a": 4}, 5]
    assert to_python(index_into(everything_in(spread), "a")) == [4]


def test_a_filter_of_what_holds_nothing_is_empty() -> None:
    assert to_python(everything_in("text")) == []
