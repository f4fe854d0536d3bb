"""Kinds and conversions."""

from __future__ import annotations

import math
from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from terraphim_runner.expressions.value import (
    Array,
    Kind,
    Object,
    Value,
    fold_case,
    format_number,
    from_python,
    is_primitive,
    is_truthy,
    kind_of,
    parse_number,
    to_number,
    to_python,
    to_string,
)


@pytest.mark.parametrize(
    ("value", "kind", "truth", "text"),
    [
        (None, Kind.NULL, False, ""),
        (True, Kind.BOOLEAN, True, "true"),
        (False, Kind.BOOLEAN, False, "false"),
        (0.0, Kind.NUMBER, False, "0"),
        (-0.0, Kind.NUMBER, False, "0"),
        (math.nan, Kind.NUMBER, False, "NaN"),
        (-2.5, Kind.NUMBER, True, "-2.5"),
        ("", Kind.STRING, False, ""),
        ("0", Kind.STRING, True, "0"),
        (Array(), Kind.ARRAY, True, "Array"),
        (Object(), Kind.OBJECT, True, "Object"),
    ],
)
def test_every_kind_has_a_name_a_truth_and_a_text(value: Value, kind: Kind, truth: bool, text: str) -> None:
    assert kind is kind_of(value)
    assert truth is is_truthy(value)
    assert text == to_string(value)
    assert (kind not in (Kind.ARRAY, Kind.OBJECT)) is is_primitive(value)


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("", 0),
        (" \t\n", 0),
        (" 12 ", 12),
        ("+.5", 0.5),
        ("5.", 5),
        ("-1e3", -1000),
        ("0xFf", 255),
        ("0o17", 15),
        ("Infinity", math.inf),
        ("-Infinity", -math.inf),
        ("1e999", math.inf),
        ("0x" + "f" * 400, math.inf),
    ],
)
def test_a_string_is_a_number_as_javascript_would_have_it(text: str, number: float) -> None:
    assert number == parse_number(text)


@pytest.mark.parametrize(
    "text", ["abc", "1_000", "0X1", "0b1", "-0x1", "0o8", "0x", "1e", ".", "1,5", "infinity", "inf", "nan", "١"]
)
def test_what_only_python_or_nobody_takes_for_a_number_is_nan(text: str) -> None:
    assert math.isnan(parse_number(text))


def test_collections_have_no_number() -> None:
    assert math.isnan(to_number(Array()))
    assert math.isnan(to_number(Object()))


@given(st.floats(-1e300, 1e300))
def test_a_printed_number_reads_back_to_fifteen_digits(number: float) -> None:
    assert parse_number(format_number(number)) == pytest.approx(number, rel=1e-14)


@given(st.integers(-(10**15) + 1, 10**15 - 1))
def test_whole_numbers_print_without_exponent_up_to_fifteen_digits(number: int) -> None:
    assert str(number) == format_number(float(number))


def test_names_of_an_object_differ_by_more_than_case() -> None:
    mapping = Object([("Ref", 1.0), ("REF", 2.0), ("sha", "x")])

    assert mapping.get("reF") == 1.0
    assert list(mapping) == ["Ref", "sha"]
    assert "SHA" in mapping
    assert mapping.get("missing") is None


def test_names_differ_by_case_where_the_system_says_so() -> None:
    mapping = Object([("Path", "a"), ("PATH", "b")], case_sensitive=True)

    assert (mapping.get("Path"), mapping.get("PATH"), mapping.get("path")) == ("a", "b", None)


def test_case_is_folded_letter_by_letter() -> None:
    assert fold_case("é") == fold_case("É")
    assert fold_case("ß") != fold_case("ss")
    assert fold_case("ı") != fold_case("i")


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from("abcdef"), inner, max_size=4),
)


@given(JSON)
def test_python_data_survives_the_round_trip(data: object) -> None:
    assert data == to_python(from_python(data))


def test_a_value_passes_unchanged_so_that_identity_holds() -> None:
    array = Array((1.0,))

    assert from_python(array) is array


def test_a_whole_number_beyond_all_floats_is_infinite() -> None:
    assert from_python(10**400) == math.inf
    assert from_python(-(10**400)) == -math.inf


def test_what_is_no_value_is_refused_by_name() -> None:
    with pytest.raises(TypeError, match="date is no value"):
        from_python({"when": date(2026, 1, 1)})
