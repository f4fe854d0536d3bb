"""Equality and order."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from terraphim_runner.expressions.comparison import is_equal, is_greater, is_less
from terraphim_runner.expressions.value import Array, Object, Value

VALUES = st.sampled_from([None, True, False, 0.0, 1.0, -2.5, math.nan, "", "1", "a", "A", "é", Array(), Object()])


@given(VALUES, VALUES)
def test_equality_does_not_mind_the_sides(left: Value, right: Value) -> None:
    assert is_equal(left, right) is is_equal(right, left)


@given(VALUES, VALUES)
def test_at_most_one_of_equal_greater_and_less_holds(left: Value, right: Value) -> None:
    assert [is_equal(left, right), is_greater(left, right), is_less(left, right)].count(True) <= 1


def test_collections_are_equal_to_themselves_only() -> None:
    array = Array((1.0,))

    assert is_equal(array, array)
    assert not is_equal(array, Array((1.0,)))
    assert not is_equal(Object(), None)


def test_nan_is_equal_to_nothing_and_has_no_order() -> None:
    assert not is_equal(math.nan, math.nan)
    assert not is_greater(math.nan, 0.0)
    assert not is_less(math.nan, 0.0)


@pytest.mark.parametrize(("less", "greater"), [("a", "B"), ("A", "b"), ("a", "aa"), ("Z", "é"), ("😀", "\ue000")])
def test_strings_are_ordered_without_case_by_their_utf16_units(less: str, greater: str) -> None:
    assert is_less(less, greater)
    assert is_greater(greater, less)
