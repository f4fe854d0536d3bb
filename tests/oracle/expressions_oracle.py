"""Compares our evaluator with GitHub's own on generated expressions.

    python -m tests.oracle.expressions_oracle --count 20000 --seed 1

Needs Node 20 and npm. Exits 1 when an answer differs and no quirk of `port` says why.
"""

from __future__ import annotations

import argparse
import json
import math
import subprocess
import sys
from collections import Counter
from itertools import islice
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING, Any

from tests.oracle.expression_generator import Case, cases
from tests.oracle.packages import install
from tests.oracle.port import QUIRKS, Quirk, applied

from terraphim_runner.domain.errors import ExpressionError
from terraphim_runner.expressions import Array, Object, Scope, evaluate, kind_of, parse

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from terraphim_runner.expressions import Value

HERE = Path(__file__).parent
BATCH = 2000
UNEXPLAINED = "UNEXPLAINED"
OUTSIDE: dict[str, Callable[..., Value]] = {
    "success": lambda: True,
    "always": lambda: True,
    "failure": lambda: False,
    "cancelled": lambda: False,
    "hashFiles": lambda *patterns: f"hash{len(patterns)}",
}
FUNCTIONS = ("success(0,0)", "always(0,0)", "failure(0,0)", "cancelled(0,0)", "hashFiles(1,255)")


def main(arguments: list[str] | None = None) -> int:
    """Run the comparison; return the exit status."""
    parser = argparse.ArgumentParser(description="Compare our expression evaluator with GitHub's own.")
    parser.add_argument("--count", type=int, default=20_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--show", type=int, default=20, help="how many unexplained differences to print")
    options = parser.parse_args(arguments)
    install()
    counts: Counter[str] = Counter()
    generated = cases(Random(options.seed), options.count)
    while batch := list(islice(generated, BATCH)):
        for case, theirs in zip(batch, githubs_answers(batch), strict=True):
            verdict = judge(case, theirs)
            counts[verdict] += 1
            if verdict == UNEXPLAINED and counts[verdict] <= options.show:
                report(case, theirs)
    for verdict, number in counts.most_common():
        sys.stdout.write(f"{number:>7}  {verdict}\n")
    return 1 if counts[UNEXPLAINED] else 0


def judge(case: Case, theirs: dict[str, Any]) -> str:
    """Say whether the two agree; if not, why not."""
    ours = our_answer(case)
    if is_same(ours, theirs):
        return f"same error: {ours['error']['kind']}" if "error" in ours else "same value"
    for quirk in QUIRKS:
        if is_explained(case, theirs, [quirk]):
            return f"explained: {quirk.name}"
    return "explained: several of these" if is_explained(case, theirs, QUIRKS) else UNEXPLAINED


def is_explained(case: Case, theirs: dict[str, Any], quirks: Iterable[Quirk]) -> bool:
    """Tell whether our code gives the port's answer once it has the port's quirks."""
    with applied(quirks):
        return is_same(our_answer(case), theirs)


def is_same(ours: dict[str, Any], theirs: dict[str, Any]) -> bool:
    """Compare kind and value, or the kind of error."""
    if "error" in ours or "error" in theirs:
        return bool("error" in ours and "error" in theirs and ours["error"]["kind"] == theirs["error"]["kind"])
    return bool(ours == theirs)


def our_answer(case: Case) -> dict[str, Any]:
    """Evaluate with our code, and answer in the form of expressions.mjs."""
    try:
        node = parse(case.expr, names=case.contexts, functions=FUNCTIONS)
        value = evaluate(node, Scope(case.contexts, OUTSIDE))
    except ExpressionError as error:
        return {"error": {"kind": error.kind.value, "message": str(error)}}
    return {"kind": kind_of(value).value, "value": tagged(value)}


def githubs_answers(batch: Iterable[Case]) -> list[dict[str, Any]]:
    """Evaluate with GitHub's code."""
    lines = [json.dumps({"expr": case.expr, "contexts": tagged(case.contexts)}) for case in batch]
    done = subprocess.run(
        ["node", "expressions.mjs"],
        cwd=HERE,
        input="\n".join(lines),
        capture_output=True,
        encoding="utf-8",
        check=True,
    )
    return [json.loads(line, parse_int=float) for line in done.stdout.rstrip("\n").split("\n")]


def tagged(value: Any) -> Any:
    """Write a value as expressions.mjs does: tagged collections, tagged numbers that JSON does not have."""
    match value:
        case Array() | list():
            return {"a": [tagged(item) for item in value]}
        case Object() | dict():
            return {"o": [[name, tagged(item)] for name, item in value.items()]}
        case float() if not math.isfinite(value):
            return {"n": "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"}
        case _:
            return value


def report(case: Case, theirs: dict[str, Any]) -> None:
    """Print one difference."""
    sys.stdout.write(f"{case.expr!r}\n   contexts {json.dumps(case.contexts)}\n")
    sys.stdout.write(f"   ours     {json.dumps(our_answer(case))}\n   GitHub's {json.dumps(theirs)}\n")


if __name__ == "__main__":
    sys.exit(main())
