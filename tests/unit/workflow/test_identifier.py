"""Ids: which are allowed, and which GitHub makes up."""

from __future__ import annotations

import pytest

from terraphim_runner.workflow.identifier import StepIds, identifier_fault, step_stem


@pytest.mark.parametrize("name", ["a", "_", "_a", "a__", "A-1_b", "x" * 99])
def test_an_id_is_taken(name: str) -> None:
    assert identifier_fault(name) is None


@pytest.mark.parametrize("name", ["", "1a", "-a", "a.b", "a b", " a", "é", "__", "__a", "x" * 100, "a\n"])
def test_what_is_no_id_is_refused(name: str) -> None:
    assert identifier_fault(name) is not None


def test_ids_differ_by_more_than_case() -> None:
    ids = StepIds()

    assert ids.take("step") is None
    assert ids.take("STEP") is not None


def test_made_ids_are_counted_and_avoid_what_is_taken() -> None:
    ids = StepIds()

    assert [ids.make("run") for _ in range(3)] == ["__run", "__run_2", "__run_3"]
    assert ids.make("actions/checkout") == "__actions_checkout"


def test_a_made_id_stays_within_the_length_of_ids() -> None:
    ids = StepIds()
    first, second = ids.make("x" * 200), ids.make("x" * 200)

    assert (len(first), len(second)) == (100, 100)
    assert second.endswith("_2")


@pytest.mark.parametrize(
    ("uses", "expected"),
    [
        (None, "run"),
        ("actions/checkout@v4", "actions/checkout"),
        ("actions/aws/ec2@main", "actions/aws"),
        ("docker://alpine:3.8", "alpine:3.8"),
        ("docker://", "run"),
        ("./.github/actions/x", "self"),
        ("$/x", "self"),
        ("nonsense", "run"),
        ("a@b", "run"),
    ],
)
def test_an_id_is_made_of_what_a_step_does(uses: str | None, expected: str) -> None:
    assert expected == step_stem(uses)
