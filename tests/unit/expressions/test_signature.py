"""Names and arities of functions."""

from __future__ import annotations

import pytest

from terraphim_runner.expressions.signature import Signature, Signatures, is_known, is_status


def test_the_notation_of_githubs_schema_is_read() -> None:
    assert Signature.parse("hashFiles(1,255)") == Signature("hashFiles", 1, 255)
    assert Signature.parse("success(0,MAX)") == Signature("success", 0, 255)


def test_a_known_name_alone_has_its_usual_arity() -> None:
    assert Signature.parse("HashFiles") == Signature("hashFiles", 1, 255)


@pytest.mark.parametrize("text", ["unknown", "f(1)", "f(a,b)", ""])
def test_anything_else_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="not a function's signature"):
        Signature.parse(text)


@pytest.mark.parametrize(
    ("name", "counts"),
    [("contains", {2}), ("join", {1, 2}), ("toJSON", {1}), ("case", {3, 5, 7, 9}), ("format", set(range(1, 10)))],
)
def test_githubs_functions_take_what_the_documentation_says(name: str, counts: set[int]) -> None:
    signatures = Signatures.of(())

    assert counts == {count for count in range(10) if signatures.fault(name, count) is None}


def test_success_is_a_status_function_and_contains_is_not() -> None:
    assert is_status("SUCCESS")
    assert not is_status("contains")
    assert is_known("contains")
    assert not is_known("containz")
