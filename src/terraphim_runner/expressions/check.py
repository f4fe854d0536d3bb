"""What can be said against an expression before it runs."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass

from terraphim_runner.domain.diagnostic import Severity
from terraphim_runner.expressions.functions.formatting import parse_format
from terraphim_runner.expressions.node import Call, Context, Index, Literal, Node, Star, walk
from terraphim_runner.expressions.shape import CONTEXTS, Shape
from terraphim_runner.expressions.signature import Signatures, is_known
from terraphim_runner.expressions.suggestion import closest
from terraphim_runner.expressions.value import fold_case, to_string


@dataclass(frozen=True, slots=True)
class Problem:
    """One fault: where it is, as offsets into the text that was parsed, what is wrong, and what might mend it."""

    start: int
    end: int
    severity: Severity
    code: str
    message: str
    suggestion: str | None = None
    hint: str | None = None

    @property
    def advice(self) -> str | None:
        """Say what to do: the suggestion, else the hint."""
        return f"did you mean `{self.suggestion}`?" if self.suggestion else self.hint


def check(
    node: Node, contexts: Collection[str] | Mapping[str, Shape], functions: Collection[str] = ()
) -> list[Problem]:
    """Find every fault that needs no values, from left to right.

    `contexts` are those allowed here, with their shapes if they are a mapping, otherwise with the usual ones.
    `functions` are those allowed beside GitHub's own, as for `parse`.
    """
    checker = _Checker(contexts, Signatures.of(functions))
    return sorted(checker.problems(node), key=lambda problem: (problem.start, problem.end))


def check_properties(node: Node, shapes: Mapping[str, Shape]) -> list[Problem]:
    """Find only the properties that contexts of these shapes do not have; other contexts pass."""
    if not any(isinstance(part, Context) and part.name.lower() in shapes for part in walk(node)):
        return []
    checker = _Checker(shapes, _NO_FUNCTIONS)
    return [problem for part in _outermost(node) for problem in checker.properties(part)]


def _outermost(node: Node) -> Iterator[Index]:
    """Give every property that is not itself the target of another one."""
    targets = {id(part.target) for part in walk(node) if isinstance(part, Index)}
    return (part for part in walk(node) if isinstance(part, Index) and id(part) not in targets)


class _Checker:
    def __init__(self, contexts: Collection[str] | Mapping[str, Shape], signatures: Signatures) -> None:
        shapes = contexts if isinstance(contexts, Mapping) else {name: CONTEXTS.get(name) for name in contexts}
        self._shapes = {fold_case(name): shape for name, shape in shapes.items()}
        self._names = tuple(shapes)
        self._signatures = signatures

    def problems(self, node: Node) -> Iterator[Problem]:
        for part in walk(node):
            match part:
                case Context():
                    yield from self._context(part)
                case Call():
                    yield from self._call(part)
                case _:
                    pass
        for index in _outermost(node):
            yield from self.properties(index)

    def _context(self, node: Context) -> Iterator[Problem]:
        if fold_case(node.name) in self._shapes:
            return
        message = f"Unrecognized named-value: '{node.name}'"
        if fold_case(node.name) in _CONTEXT_NAMES:
            there = ", ".join(sorted(self._names)) or "no context"
            hint = f"{node.name.lower()} does not exist here; there is {there}"
            yield _error(node.start, node.end, "context-not-available", message, hint=hint)
        else:
            suggestion = closest(node.name, self._names)
            yield _error(node.start, node.end, "unknown-context", message, suggestion=suggestion)

    def _call(self, node: Call) -> Iterator[Problem]:
        start, end = node.start, node.name_end
        if node.name in self._signatures:
            if fault := self._signatures.fault(node.name, len(node.arguments)):
                yield _error(start, end, "wrong-arity", f"{fault}: '{node.name}'")
            elif fold_case(node.name) == "FORMAT":
                yield from _format(node)
            return
        message = f"Unrecognized function: '{node.name}'"
        if is_known(node.name):
            yield _error(start, end, "function-not-available", message, hint=f"{node.name} cannot be called here")
        else:
            yield _error(start, end, "unknown-function", message, suggestion=closest(node.name, self._signatures))

    def properties(self, node: Index) -> Iterator[Problem]:
        context, indices = _path(node)
        shape = self._shapes.get(fold_case(context.name)) if context else None
        path = context.name if context else ""
        for index in indices:
            if shape is None or not isinstance(index, (Literal, Star)):
                return
            name = "*" if isinstance(index, Star) else to_string(index.value)
            known = _own_name(name, shape)
            if known is None and name != "*":
                message = f"{path} has no property '{name}', so this is always null"
                suggestion, hint = closest(name, shape), _listed(path, shape)
                yield Problem(
                    index.start, index.end, Severity.WARNING, "unknown-property", message, suggestion, hint
                )
                return
            shape = shape[known] if known else None
            path = f"{path}.{name}"


def _listed(path: str, shape: Mapping[str, Shape]) -> str | None:
    """List what there is instead, if that is no long list."""
    if not shape:
        return f"there is nothing in {path} here"
    return f"{path} has: {', '.join(shape)}" if len(shape) <= _MANY else None


def _own_name(name: str, shape: Mapping[str, Shape]) -> str | None:
    """Return how the shape writes `name`."""
    if name in shape:
        return name
    folded = fold_case(name)
    return next((own for own in shape if fold_case(own) == folded), "*" if "*" in shape else None)


def _path(node: Index) -> tuple[Context | None, list[Node]]:
    indices: list[Node] = []
    target: Node = node
    while isinstance(target, Index):
        indices.append(target.index)
        target = target.target
    return target if isinstance(target, Context) else None, indices[::-1]


def _format(node: Call) -> Iterator[Problem]:
    pattern = node.arguments[0]
    if not isinstance(pattern, Literal):
        return
    given = len(node.arguments) - 1
    try:
        for part in parse_format(to_string(pattern.value)):
            if isinstance(part, int) and part >= given:
                message = f"Format string references argument {{{part}}} but only {given} argument(s) provided"
                yield _error(pattern.start, pattern.end, "format-argument-missing", message)
                return
    except ValueError:
        message = "Invalid format string: a brace stands alone or holds what is no number"
        hint = "write {0} for the first argument, and {{ or }} for a brace"
        yield _error(pattern.start, pattern.end, "invalid-format", message, hint=hint)


def _error(
    start: int, end: int, code: str, message: str, *, suggestion: str | None = None, hint: str | None = None
) -> Problem:
    return Problem(start, end, Severity.ERROR, code, message, suggestion, hint)


_CONTEXT_NAMES = frozenset(map(fold_case, CONTEXTS))
_MANY = 12
_NO_FUNCTIONS = Signatures.of(())
