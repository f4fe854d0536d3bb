"""The functions there are, and how many arguments each one takes."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

from terraphim_runner.expressions.value import fold_case

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

MANY = 255


@dataclass(frozen=True, slots=True)
class Signature:
    """A function's name, as the documentation writes it, and the number of its arguments."""

    name: str
    minimum: int
    maximum: int

    @classmethod
    def parse(cls, text: str) -> Signature:
        """Read the notation of GitHub's schema: `hashFiles(1,255)`, `success(0,MAX)`, or a known name alone.

        Raises:
            ValueError: the text is neither.
        """
        if known := _KNOWN.get(fold_case(text)):
            return known
        match = _NOTATION.fullmatch(text)
        if match is None:
            raise ValueError(f"not a function's signature: {text!r}")
        return cls(match[1], int(match[2]), MANY if match[3] == "MAX" else int(match[3]))

    def fault(self, count: int) -> str | None:
        """Say what is wrong with `count` arguments."""
        if count < self.minimum:
            return "Too few parameters supplied"
        if count > self.maximum:
            return "Too many parameters supplied"
        if self.name == "case" and count % 2 == 0:
            return "Even number of parameters supplied, requires an odd number of parameters"
        return None


_NOTATION = re.compile(r"(\w+)\(([0-9]+),([0-9]+|MAX)\)")

BUILT_IN = (
    Signature("case", 3, MANY),
    Signature("contains", 2, 2),
    Signature("endsWith", 2, 2),
    Signature("format", 1, MANY),
    Signature("fromJSON", 1, 1),
    Signature("join", 1, 2),
    Signature("startsWith", 2, 2),
    Signature("toJSON", 1, 1),
)

# these need the outside, and exist in some places only
STATUS = (
    Signature("always", 0, 0),
    Signature("cancelled", 0, 0),
    Signature("failure", 0, MANY),
    Signature("success", 0, MANY),
)
OUTSIDE = (*STATUS, Signature("hashFiles", 1, MANY))

_KNOWN = {fold_case(signature.name): signature for signature in (*BUILT_IN, *OUTSIDE)}
_STATUS = frozenset(fold_case(signature.name) for signature in STATUS)


class Signatures:
    """The functions that may be called in one place: GitHub's own and some of those that need the outside."""

    def __init__(self, functions: Collection[str]) -> None:
        """Take the functions beside GitHub's own, each as `Signature.parse` reads it."""
        signatures = (*BUILT_IN, *map(Signature.parse, functions))
        self._by_name = {fold_case(signature.name): signature for signature in signatures}

    @classmethod
    def of(cls, functions: Collection[str]) -> Signatures:
        """Return the one for `functions`, made once."""
        return _signatures(frozenset(functions))

    def __contains__(self, name: str) -> bool:
        """Tell whether the function may be called."""
        return fold_case(name) in self._by_name

    def __iter__(self) -> Iterator[str]:
        """Walk the names."""
        return (signature.name for signature in self._by_name.values())

    def fault(self, name: str, count: int) -> str | None:
        """Say what is wrong with calling `name` with `count` arguments; the function may be called."""
        return self._by_name[fold_case(name)].fault(count)


@lru_cache(maxsize=256)
def _signatures(functions: frozenset[str]) -> Signatures:
    return Signatures(functions)


def is_known(name: str) -> bool:
    """Tell whether there is such a function anywhere."""
    return fold_case(name) in _KNOWN


def is_status(name: str) -> bool:
    """Tell whether the function looks at how things went, so that an `if` with it gets no `success()`."""
    return fold_case(name) in _STATUS
