"""A job's strategy, evaluated: the legs the job is run in."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from terraphim_runner.domain.errors import WorkflowError
from terraphim_runner.expressions.scope import Scope
from terraphim_runner.expressions.value import Object
from terraphim_runner.workflow.combination import combine, mapping, sequence
from terraphim_runner.workflow.evaluation import (
    evaluate_flag,
    evaluate_number,
    evaluate_string,
    evaluate_template,
    evaluate_value,
    refuse,
)
from terraphim_runner.workflow.reference import expressions_of
from terraphim_runner.workflow.template import is_insert
from terraphim_runner.workflow.value import Template

if TYPE_CHECKING:
    from collections.abc import Iterator

    from terraphim_runner.domain.diagnostic import Diagnostic, Span
    from terraphim_runner.expressions.value import Array
    from terraphim_runner.expressions.value import Value as Data
    from terraphim_runner.workflow.document import Workflow
    from terraphim_runner.workflow.job import Matrix, Strategy
    from terraphim_runner.workflow.value import Value

MAX_NAME = 100


@dataclass(frozen=True, slots=True)
class Leg:
    """One run of a job: its place among its siblings, and its `matrix` context, null without a matrix."""

    index: int
    total: int
    matrix: Object | None = None
    suffix: str = ""  # `3.12, ubuntu-latest`: the values of the vectors, as GitHub shows them

    def display_name(self, name: str) -> str:
        """Append the suffix to a job's name, as GitHub does where the author's name has no expression."""
        full = f"{name} ({self.suffix})" if self.suffix else name
        return full if len(full) <= MAX_NAME else full[: MAX_NAME - 3] + "..."


SINGLE_LEG = Leg(0, 1)


@dataclass(frozen=True, slots=True)
class StrategyPlan:
    """A strategy, evaluated. Without a matrix, or with everything excluded, there is one leg without values."""

    legs: tuple[Leg, ...] = (SINGLE_LEG,)
    fail_fast: bool = True
    max_parallel: int = 1

    def context(self, leg: Leg) -> Object:
        """Make the `strategy` context of a leg."""
        return Object(
            [
                ("fail-fast", self.fail_fast),
                ("job-index", float(leg.index)),
                ("job-total", float(leg.total)),
                ("max-parallel", float(self.max_parallel)),
            ]
        )


def matrix_faults(workflow: Workflow) -> Iterator[Diagnostic]:
    """Give what is wrong with matrices in which nothing is computed: GitHub refuses the file for it."""
    for job in workflow.jobs:
        if not any(expressions_of(job.strategy)):
            try:
                plan_strategy(job.strategy, Scope({}))
            except WorkflowError as error:
                yield from error.diagnostics


def expand_matrix(strategy: Strategy | Template | None, scope: Scope) -> tuple[Leg, ...]:
    """Give the legs of a strategy; see `plan_strategy`.

    Raises:
        WorkflowError: as `plan_strategy`.
    """
    return plan_strategy(strategy, scope).legs


def plan_strategy(strategy: Strategy | Template | None, scope: Scope) -> StrategyPlan:
    """Evaluate a strategy with the contexts that are known now; call it when the job's needs are done.

    Raises:
        WorkflowError: an expression cannot be evaluated, or what comes out is no strategy: a vector without
            values, an `exclude` that names no vector, more than 256 legs.
    """
    if strategy is None:
        return StrategyPlan()
    parts = _evaluated(strategy, scope) if isinstance(strategy, Template) else _Parts.of(strategy, scope)
    legs = _legs(parts.matrix, parts.span)
    if not legs:
        return StrategyPlan(fail_fast=parts.fail_fast)
    return StrategyPlan(legs, parts.fail_fast, parts.max_parallel if parts.max_parallel > 0 else len(legs))


@dataclass(frozen=True, slots=True)
class _Parts:
    span: Span
    matrix: Object | None = None
    fail_fast: bool = True
    max_parallel: int = 0

    @classmethod
    def of(cls, strategy: Strategy, scope: Scope) -> _Parts:
        fail_fast = strategy.fail_fast is None or evaluate_flag(strategy.fail_fast, scope)
        max_parallel = 0 if strategy.max_parallel is None else int(evaluate_number(strategy.max_parallel, scope))
        matrix = strategy.matrix
        if matrix is None:
            return cls(strategy.span, None, fail_fast, max_parallel)
        return cls(matrix.span, _matrix_data(matrix, scope), fail_fast, max_parallel)


_KEYS = ("matrix", "fail-fast", "max-parallel")


def _evaluated(template: Template, scope: Scope) -> _Parts:
    span = template.span
    data = mapping(evaluate_template(template, scope), span, "strategy")
    if unexpected := next((key for key in data if key not in _KEYS), None):
        refuse(
            span, "unexpected-key", f"Unexpected value '{unexpected}' in strategy", f"it has: {', '.join(_KEYS)}"
        )
    fail_fast, max_parallel = data.get("fail-fast"), data.get("max-parallel")
    if not isinstance(fail_fast, bool | None):
        refuse(span, "expected-boolean", "strategy.fail-fast must be a boolean")
    if not isinstance(max_parallel, float | None):
        refuse(span, "expected-number", "strategy.max-parallel must be a number")
    matrix = mapping(data.get("matrix"), span, "matrix") if "matrix" in data else None
    return _Parts(span, matrix, fail_fast is not False, int(max_parallel or 0))


def _matrix_data(matrix: Matrix | Template, scope: Scope) -> Object:
    if isinstance(matrix, Template):
        return mapping(evaluate_template(matrix, scope), matrix.span, "matrix")
    return Object(_matrix_entries(matrix, scope))


def _matrix_entries(matrix: Matrix, scope: Scope) -> Iterator[tuple[str, Data]]:
    for name, vector in matrix.vectors:
        yield name.value, _vector(name.value, vector, scope)
    for key, value in matrix.insertions:
        if is_insert(key):
            yield from mapping(evaluate_value(value, scope), value.span, "matrix").items()
        else:
            computed = evaluate_string(key, scope)
            yield computed, _vector(computed, value, scope)
    for rows_of, rows in (("include", matrix.include), ("exclude", matrix.exclude)):
        if rows is not None:
            yield rows_of, sequence(evaluate_value(rows, scope), rows.span, f"matrix.{rows_of}")


def _vector(name: str, vector: Value, scope: Scope) -> Array:
    values = sequence(evaluate_value(vector, scope), vector.span, f"matrix.{name}")
    if not values.items:
        refuse(vector.span, "empty-vector", f"Matrix vector '{name}' does not contain any values")
    return values


def _legs(matrix: Object | None, span: Span) -> tuple[Leg, ...]:
    combinations = () if matrix is None else combine(matrix, span)
    total = len(combinations)
    return tuple(Leg(index, total, each.values, each.suffix) for index, each in enumerate(combinations))
