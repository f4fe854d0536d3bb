"""GitHub's expression language: text to syntax tree to value. Pure.

`parse` reads an expression, `check` finds its faults before it runs, `evaluate` computes it in a `Scope`.
`parse_template` and `interpolate` work on texts with `${{ }}` in them, `condition` on the text of an `if`.
"""

from __future__ import annotations

from terraphim_runner.expressions.check import Problem, check
from terraphim_runner.expressions.condition import Condition, condition
from terraphim_runner.expressions.evaluator import evaluate
from terraphim_runner.expressions.node import Node, walk
from terraphim_runner.expressions.parser import parse
from terraphim_runner.expressions.scope import Scope
from terraphim_runner.expressions.shape import CONTEXTS, Shape
from terraphim_runner.expressions.template import Template, interpolate, parse_template, template
from terraphim_runner.expressions.value import (
    Array,
    Kind,
    Object,
    Value,
    from_python,
    is_truthy,
    kind_of,
    to_number,
    to_python,
    to_string,
)

__all__ = [
    "CONTEXTS",
    "Array",
    "Condition",
    "Kind",
    "Node",
    "Object",
    "Problem",
    "Scope",
    "Shape",
    "Template",
    "Value",
    "check",
    "condition",
    "evaluate",
    "from_python",
    "interpolate",
    "is_truthy",
    "kind_of",
    "parse",
    "parse_template",
    "template",
    "to_number",
    "to_python",
    "to_string",
    "walk",
]
