"""Vectors, include and exclude make the combinations that GitHub's documentation shows."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from terraphim_runner.domain.diagnostic import Position, Span
from terraphim_runner.domain.errors import WorkflowError
from terraphim_runner.expressions.value import Object, from_python, to_python
from terraphim_runner.workflow.combination import MAX_LEGS, combine

PLACE = Span("ci.yml", Position(3, 5), Position(3, 9))


def legs(matrix: dict[str, Any]) -> list[Any]:
    data = from_python(matrix)
    assert isinstance(data, Object)
    return [to_python(each.values) for each in combine(data, PLACE)]


def suffixes(matrix: dict[str, Any]) -> list[str]:
    data = from_python(matrix)
    assert isinstance(data, Object)
    return [each.suffix for each in combine(data, PLACE)]


def test_the_first_vector_varies_slowest() -> None:
    assert suffixes({"os": ["a", "b"], "v": [1, 2]}) == ["a, 1", "a, 2", "b, 1", "b, 2"]


def test_the_documentations_example_of_include() -> None:
    matrix = {
        "fruit": ["apple", "pear"],
        "animal": ["cat", "dog"],
        "include": [
            {"color": "green"},
            {"color": "pink", "animal": "cat"},
            {"fruit": "apple", "shape": "circle"},
            {"fruit": "banana"},
            {"fruit": "banana", "animal": "cat"},
        ],
    }

    assert legs(matrix) == [
        {"fruit": "apple", "animal": "cat", "color": "pink", "shape": "circle"},
        {"fruit": "apple", "animal": "dog", "color": "green", "shape": "circle"},
        {"fruit": "pear", "animal": "cat", "color": "pink"},
        {"fruit": "pear", "animal": "dog", "color": "green"},
        {"fruit": "banana"},
        {"fruit": "banana", "animal": "cat"},
    ]


def test_the_documentations_example_of_exclude() -> None:
    matrix = {
        "os": ["macos", "windows"],
        "version": [12, 14, 16],
        "environment": ["staging", "production"],
        "exclude": [{"os": "macos", "version": 12, "environment": "production"}, {"os": "windows", "version": 16}],
    }

    assert len(legs(matrix)) == 9
    assert {"os": "windows", "version": 16, "environment": "staging"} not in legs(matrix)


def test_include_alone_makes_its_own_legs() -> None:
    assert legs({"include": [{"a": 1}, {"a": 2, "b": 3}]}) == [{"a": 1}, {"a": 2, "b": 3}]


def test_a_row_of_include_that_only_matches_what_is_excluded_makes_a_leg() -> None:
    matrix = {"os": ["a", "b"], "exclude": [{"os": "b"}], "include": [{"os": "b", "extra": 1}]}

    assert legs(matrix) == [{"os": "a"}, {"os": "b", "extra": 1}]


def test_a_row_of_include_never_changes_a_vectors_value() -> None:
    assert legs({"v": [1], "include": [{"v": 2}]}) == [{"v": 1}, {"v": 2}]


def test_what_include_adds_is_not_in_the_name() -> None:
    assert suffixes({"v": [1], "include": [{"x": "y"}, {"v": 2, "x": "z"}]}) == ["1", "2, z"]


def test_values_compare_as_expressions_do() -> None:
    """Case does not count, and a string that reads as a number equals it."""
    assert legs({"os": ["Linux"], "v": ["10"], "exclude": [{"os": "linux", "v": 10}]}) == []


def test_names_compare_without_case() -> None:
    assert legs({"OS": ["a", "b"], "exclude": [{"os": "a"}]}) == [{"OS": "b"}]


def test_a_part_of_an_object_is_enough_to_match() -> None:
    matrix = {
        "node": [{"version": 14}, {"version": 20, "env": "X"}],
        "include": [{"node": {"version": 20}, "extra": True}],
    }

    assert legs(matrix) == [{"node": {"version": 14}}, {"node": {"version": 20, "env": "X"}, "extra": True}]


def test_the_leaves_of_objects_and_lists_are_in_the_name() -> None:
    assert suffixes({"node": [{"version": 14, "flags": ["a", None, ""]}], "b": [True]}) == ["14, a, true"]


def test_a_list_matches_item_by_item() -> None:
    assert legs({"v": [[1, 2], [1, 3]], "exclude": [{"v": [1, 2]}]}) == [{"v": [1, 3]}]


def test_excluding_everything_leaves_nothing() -> None:
    assert legs({"v": [1], "exclude": [{"v": 1}]}) == []


@pytest.mark.parametrize(
    ("matrix", "code"),
    [
        ({}, "empty-matrix"),
        ({"include": []}, "empty-matrix"),
        ({"exclude": [{"a": 1}]}, "empty-matrix"),
        ({"v": []}, "empty-vector"),
        ({"v": 3}, "expected-sequence"),
        ({"v": [1], "include": {"v": 1}}, "expected-sequence"),
        ({"v": [1], "include": [3]}, "expected-mapping"),
        ({"v": [1], "include": [{}]}, "empty-include"),
        ({"v": [1], "exclude": [{}]}, "empty-exclude"),
        ({"v": [1], "exclude": [{"w": 1}]}, "unknown-exclude-key"),
        ({"v": list(range(257))}, "matrix-too-large"),
        ({"v": list(range(400)), "w": list(range(400))}, "matrix-too-large"),
    ],
)
def test_what_is_no_matrix_is_refused_in_its_place(matrix: dict[str, Any], code: str) -> None:
    with pytest.raises(WorkflowError) as refused:
        legs(matrix)

    assert [code] == [each.code for each in refused.value.diagnostics]
    assert refused.value.diagnostics[0].span == PLACE


def test_256_legs_are_allowed_and_exclude_counts() -> None:
    assert len(legs({"v": list(range(MAX_LEGS))})) == MAX_LEGS
    assert len(legs({"v": list(range(MAX_LEGS + 1)), "exclude": [{"v": 0}]})) == MAX_LEGS


SCALARS = st.sampled_from(["a", "A", "b", 1, 2, "1", True, None])
ROWS = st.lists(st.dictionaries(st.sampled_from("xyz"), SCALARS, min_size=1), max_size=3)


@given(
    vectors=st.dictionaries(st.sampled_from("xy"), st.lists(SCALARS, min_size=1, max_size=3), min_size=1),
    include=ROWS,
)
def test_include_keeps_every_combination_and_adds_at_most_its_rows(
    vectors: dict[str, list[Any]], include: list[dict[str, Any]]
) -> None:
    before, after = legs(vectors), legs({**vectors, "include": include})

    assert len(before) <= len(after) <= len(before) + len(include)
    assert before == [{name: leg[name] for name in vectors} for leg in after[: len(before)]]
