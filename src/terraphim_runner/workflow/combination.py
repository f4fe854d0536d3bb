"""A matrix's values to its combinations, by GitHub's rules.

The first vector varies slowest; combinations that only `include` makes come last. An entry of `exclude` or
`include` is compared as an expression would, leaf by leaf: `'10'` equals `10`, case does not matter, and a part of
an object is enough.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import prod
from typing import TYPE_CHECKING

from terraphim_runner.expressions.comparison import is_equal
from terraphim_runner.expressions.value import Array, Object, kind_of, to_string
from terraphim_runner.workflow.evaluation import refuse

if TYPE_CHECKING:
    from collections.abc import Iterator

    from terraphim_runner.domain.diagnostic import Span
    from terraphim_runner.expressions.value import Value as Data

MAX_LEGS = 256
_MAX_PRODUCT = 100_000  # nobody excludes his way back to 256 from there on purpose


@dataclass(frozen=True, slots=True)
class Combination:
    """What one leg gets as `matrix`, and what of it GitHub shows in the job's name."""

    values: Object
    suffix: str


def combine(matrix: Object, span: Span) -> tuple[Combination, ...]:
    """Give a matrix's combinations; none, if all are excluded.

    Raises:
        WorkflowError: this is no matrix GitHub takes. The diagnostic is at `span`.
    """
    table = _Table.of(matrix, span)
    combinations = tuple(table.combinations())
    if len(combinations) > MAX_LEGS:
        refuse(span, "matrix-too-large", f"The matrix makes {len(combinations)} jobs; GitHub allows {MAX_LEGS}")
    return combinations


@dataclass(frozen=True, slots=True)
class _Include:
    filter: Object  # what names a vector must match
    extra: Object  # the rest is added

    @classmethod
    def of(cls, row: Object, vectors: Object) -> _Include:
        return cls(
            Object(item for item in row.items() if item[0] in vectors),
            Object(item for item in row.items() if item[0] not in vectors),
        )

    def as_combination(self) -> Combination:
        own = Object([*self.filter.items(), *self.extra.items()])
        return Combination(own, _suffix(own))


@dataclass(frozen=True, slots=True)
class _Table:
    vectors: dict[str, Array]
    include: tuple[_Include, ...]
    exclude: tuple[Object, ...]

    @classmethod
    def of(cls, matrix: Object, span: Span) -> _Table:
        vectors = {name: _vector(name, values, span) for name, values in matrix.items() if name not in _ROWS}
        include, exclude = _rows(matrix, "include", span), _rows(matrix, "exclude", span)
        if not vectors and not include:
            refuse(span, "empty-matrix", "Matrix must define at least one vector")
        known = Object((name, None) for name in vectors)
        _check_exclude(exclude, known, span)
        size = prod(map(len, vectors.values()))
        if size > _MAX_PRODUCT:
            refuse(span, "matrix-too-large", f"The matrix has {size} combinations; GitHub allows {MAX_LEGS} jobs")
        return cls(vectors, tuple(_Include.of(row, known) for row in include), exclude)

    def combinations(self) -> Iterator[Combination]:
        used: set[int] = set()
        for values in self._product():
            if any(_contains(values, row) for row in self.exclude):
                continue
            matching = [index for index, row in enumerate(self.include) if _contains(values, row.filter)]
            used.update(matching)
            yield Combination(self._extended(values, matching), _suffix(values))
        yield from (row.as_combination() for index, row in enumerate(self.include) if index not in used)

    def _extended(self, values: Object, matching: list[int]) -> Object:
        # of what several rows add under one name, the last one holds; Object keeps the first
        extra = [item for index in reversed(matching) for item in self.include[index].extra.items()]
        last = Object(extra)
        order = Object(item for index in matching for item in self.include[index].extra.items())
        return Object([*values.items(), *((name, last.get(name)) for name in order)])

    def _product(self) -> Iterator[Object]:
        size = prod(map(len, self.vectors.values())) if self.vectors else 0
        for number in range(size):
            entries, block = [], size
            for name, values in self.vectors.items():
                block //= len(values)
                entries.append((name, values.items[number // block % len(values)]))
            yield Object(entries)


_ROWS = frozenset({"include", "exclude"})


def _contains(whole: Data, part: Data) -> bool:
    match part:
        case Object():
            found = whole if isinstance(whole, Object) else Object()
            return all(_contains(found.get(name), item) for name, item in part.items())
        case Array():
            items = whole.items if isinstance(whole, Array) else ()
            return all(_contains(items[at] if at < len(items) else None, item) for at, item in enumerate(part))
        case _:
            return is_equal(whole, part)


def _suffix(values: Object) -> str:
    return ", ".join(filter(None, map(to_string, _leaves(values))))


def _leaves(data: Data) -> Iterator[Data]:
    match data:
        case Object():
            for item in data.values():
                yield from _leaves(item)
        case Array():
            for item in data:
                yield from _leaves(item)
        case _:
            yield data


def _check_exclude(exclude: tuple[Object, ...], known: Object, span: Span) -> None:
    for row in exclude:
        if unknown := next((name for name in row if name not in known), None):
            message = f"Matrix exclude key '{unknown}' does not match any key within the matrix"
            refuse(span, "unknown-exclude-key", message, f"the matrix has: {', '.join(known) or 'no vectors'}")


def _vector(name: str, values: Data, span: Span) -> Array:
    vector = sequence(values, span, f"matrix.{name}")
    if not vector.items:
        refuse(span, "empty-vector", f"Matrix vector '{name}' does not contain any values")
    return vector


def _rows(matrix: Object, name: str, span: Span) -> tuple[Object, ...]:
    if name not in matrix:
        return ()
    rows = sequence(matrix.get(name), span, f"matrix.{name}")
    mappings = tuple(mapping(row, span, f"an entry of matrix.{name}") for row in rows)
    if not all(map(len, mappings)):
        refuse(span, f"empty-{name}", f"An entry of matrix.{name} does not contain any values")
    return mappings


def mapping(data: Data, span: Span, what: str) -> Object:
    """Insist on an object.

    Raises:
        WorkflowError: `data` is none.
    """
    if not isinstance(data, Object):
        refuse(span, "expected-mapping", f"{what} must be a mapping, this is of the kind {kind_of(data).value}")
    return data


def sequence(data: Data, span: Span, what: str) -> Array:
    """Insist on an array.

    Raises:
        WorkflowError: `data` is none.
    """
    if not isinstance(data, Array):
        refuse(span, "expected-sequence", f"{what} must be a list, this is of the kind {kind_of(data).value}")
    return data
