"""`terraphim-runner expr`: what an expression comes to."""

from __future__ import annotations

import json
import math
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from terraphim_runner.domain.errors import ExpressionError, UsageError
from terraphim_runner.expressions.evaluator import evaluate
from terraphim_runner.expressions.parser import parse
from terraphim_runner.expressions.scope import Scope
from terraphim_runner.expressions.value import Array, Object, kind_of, to_python

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from terraphim_runner.expressions.value import Value

_OPEN, _CLOSE = "${{", "}}"

Expression = Annotated[str | None, typer.Argument(help="One expression, with or without ${{ }} around it.")]
Context = Annotated[
    Path | None,
    typer.Option("--context", "-c", help="A JSON file with the contexts, by name; - for standard input."),
]
Batch = Annotated[
    bool, typer.Option("--batch", help='Read lines {"expr", "contexts"} from standard input, answer line by line.')
]


def expr(expression: Expression = None, context: Context = None, batch: Batch = False) -> None:
    """Evaluate an expression of the workflow language; contexts that are not given do not exist."""
    if batch:
        if expression is not None or context is not None:
            raise UsageError("--batch reads expressions and contexts from standard input")
        for answer in answers(sys.stdin):
            sys.stdout.write(answer + "\n")
            sys.stdout.flush()
        return
    if expression is None:
        raise UsageError("there is no expression", hint="terraphim-runner expr '1 == 1', or --batch")
    result = evaluate_text(_bare(expression), {} if context is None else _read(context))
    typer.echo(_dump(result))
    if "error" in result:
        raise typer.Exit(ExpressionError.exit_code)


def answers(lines: Iterable[str]) -> Iterator[str]:
    """Answer each line with a line; one that cannot be understood gets an error of the kind `input`."""
    for line in lines:
        if line.strip():
            yield _dump(_answer(line))


def _answer(line: str) -> dict[str, Any]:
    try:
        request = json.loads(line)
        text, contexts = request["expr"], request.get("contexts") or {}
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return _error("input", 'a line is a JSON object with "expr" and, if any, "contexts"', 1)
    if not isinstance(text, str) or not isinstance(contexts, dict):
        return _error("input", '"expr" is a string and "contexts" an object', 1)
    return evaluate_text(text, contexts)


def evaluate_text(text: str, contexts: Mapping[str, Any]) -> dict[str, Any]:
    """Give the kind and value of an expression, or its error; the column counts from 1."""
    try:
        scope = Scope(contexts, _status(contexts))
        value = evaluate(
            parse(text, names=contexts, functions=("success", "failure", "always", "cancelled")), scope
        )
        return {"kind": kind_of(value).value, "value": _portable(value)}
    except ExpressionError as error:
        return _error(error.kind.value, str(error), error.start + 1)
    except RecursionError:
        return _error("evaluation", "The contexts are nested too deep", 1)


def _status(contexts: Mapping[str, Any]) -> dict[str, Any]:
    job = contexts.get("job")
    status = job.get("status", "success") if isinstance(job, dict) else "success"
    return {
        "success": lambda *_: status == "success",
        "failure": lambda *_: status == "failure",
        "cancelled": lambda: status == "cancelled",
        "always": lambda: True,
    }


def _portable(value: Value) -> Any:
    """Give what JSON can hold: the numbers it has no form for become their names."""
    match value:
        case float() if not math.isfinite(value):
            return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"
        case Array():
            return [_portable(item) for item in value]
        case Object():
            return {name: _portable(item) for name, item in value.items()}
        case _:
            return to_python(value)


def _bare(text: str) -> str:
    stripped = text.strip()
    inner = stripped[len(_OPEN) : -len(_CLOSE)]
    return inner if stripped.startswith(_OPEN) and stripped.endswith(_CLOSE) and _OPEN not in inner else text


def _read(path: Path) -> dict[str, Any]:
    try:
        text = sys.stdin.read() if str(path) == "-" else path.read_text(encoding="utf-8")
        contexts = json.loads(text)
    except (OSError, ValueError, RecursionError) as error:
        raise UsageError(f"cannot read contexts from {path}: {error}") from error
    if not isinstance(contexts, dict):
        raise UsageError(f"{path} must hold a JSON object of contexts by name")
    return contexts


def _error(kind: str, message: str, column: int) -> dict[str, Any]:
    return {"error": {"kind": kind, "message": message, "column": column}}


def _dump(result: dict[str, Any]) -> str:
    return json.dumps(result, ensure_ascii=True)
