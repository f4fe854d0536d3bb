"""The text of an `if`, which is an expression with or without `${{ }}` around it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from terraphim_runner.expressions.evaluator import evaluate
from terraphim_runner.expressions.functions.formatting import parse_format
from terraphim_runner.expressions.node import And, Call, Literal, Node, walk
from terraphim_runner.expressions.parser import parse
from terraphim_runner.expressions.signature import is_status
from terraphim_runner.expressions.template import parse_template
from terraphim_runner.expressions.value import WHITESPACE, fold_case, is_truthy

if TYPE_CHECKING:
    from collections.abc import Collection

    from terraphim_runner.expressions.scope import Scope


@dataclass(frozen=True, slots=True)
class Condition:
    """An `if` as GitHub understands it.

    `text` is the expression in full, with the `success()` that GitHub adds where no status function occurs.
    `expression` is the author's part of `node`, its offsets counted from the beginning of the author's text.
    `is_constant_text`: there is text around the `${{ }}`, so that every result is a string with something in it,
    and true; nobody means that.
    """

    text: str
    node: Node
    expression: Node
    is_constant_text: bool = False

    def evaluate(self, scope: Scope) -> bool:
        """Tell whether to go ahead.

        Raises:
            ExpressionError: the expression cannot be evaluated.
        """
        return is_truthy(evaluate(self.node, scope))


def condition(
    text: str, *, names: Collection[str] | None = None, functions: Collection[str] | None = None
) -> Condition:
    """Read the text of an `if`; blank text is `success()`. `names` and `functions` are as for `parse`.

    Raises:
        ExpressionError: the text is no expression.
    """
    parsed = parse_template(text, names=names, functions=functions)
    if parsed.node is None:
        return _bare(text, names, functions)
    return _effective(parsed.expression, parsed.node)


def _bare(text: str, names: Collection[str] | None, functions: Collection[str] | None) -> Condition:
    written = text.strip(WHITESPACE)
    start = text.find(written)
    node = parse(text, names=names, functions=functions, start=start, end=start + len(written))
    return _effective(written, node) if written else Condition("success()", _success(node), node)


def _effective(written: str, node: Node) -> Condition:
    is_constant_text = _is_constant_text(node)
    if any(isinstance(part, Call) and is_status(part.name) for part in walk(node)):
        return Condition(written, node, node, is_constant_text)
    both = And(node.start, node.end, (_success(node), node))
    return Condition(f"success() && ({written})", both, node, is_constant_text)


def _success(node: Node) -> Call:
    return Call(node.start, node.end, "success", ())


def _is_constant_text(node: Node) -> bool:
    match node:
        case Call(name=name, arguments=(Literal(value=str() as pattern), *_)) if fold_case(name) == "FORMAT":
            try:
                return any(isinstance(part, str) for part in parse_format(pattern))
            except ValueError:
                return False
        case _:
            return False
