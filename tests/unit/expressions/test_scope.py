"""Scopes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from terraphim_runner.expressions.scope import Scope
from terraphim_runner.expressions.value import to_python


class Counting(Mapping[str, object]):
    """Computes its items, and counts how often."""

    def __init__(self) -> None:
        self.computed: list[str] = []

    def __getitem__(self, name: str) -> object:
        self.computed.append(name)
        return {"name": name}

    def __iter__(self) -> Iterator[str]:
        return iter(["github", "env"])

    def __len__(self) -> int:
        return 2


def test_a_context_is_computed_when_it_is_named_and_only_once() -> None:
    contexts = Counting()
    scope = Scope(contexts)

    assert contexts.computed == []
    assert scope.context("GitHub") is scope.context("github")
    assert to_python(scope.context("github")) == {"name": "github"}
    assert contexts.computed == ["github"]


def test_a_context_that_is_not_there_is_null() -> None:
    assert Scope().context("github") is None


def test_functions_are_found_whatever_their_case() -> None:
    scope = Scope(functions={"hashFiles": lambda: "hash"})

    assert scope.function("HASHFILES") is not None
    assert scope.function("success") is None
