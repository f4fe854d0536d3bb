"""The table of `expressions.txt`: one expression a line, and what comes of it."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from terraphim_runner.domain.errors import ExpressionError
from terraphim_runner.expressions import Scope, evaluate, parse, to_python

if TYPE_CHECKING:
    from collections.abc import Callable

    from terraphim_runner.expressions import Value

CONTEXTS = {
    "github": {
        "ref": "refs/heads/main",
        "list": ["zero", "one"],
        "event": {"labels": [{"name": "bug", "id": 1}, {"name": "help wanted"}]},
    },
    "env": {"A": "1", "A-B": "2"},
}
FUNCTIONS: dict[str, Callable[..., Value]] = {
    "success": lambda: True,
    "failure": lambda: False,
    "hashFiles": lambda *patterns: "+".join(patterns),
}

ERROR = re.compile("lexing: |parsing: |evaluation: ")
TABLE = Path(__file__).with_name("expressions.txt").read_text(encoding="utf-8")
ROWS = [line.split(" ⇒ ") for line in TABLE.splitlines() if line and not line.startswith("#")]


def what_comes_of(expression: str) -> str:
    try:
        value = evaluate(parse(expression, names=CONTEXTS, functions=FUNCTIONS), Scope(CONTEXTS, FUNCTIONS))
    except ExpressionError as error:
        return f"{error.kind.value}: {error}"
    return json.dumps(to_python(value))


@pytest.mark.parametrize(("expression", "outcome"), ROWS, ids=[row[0] for row in ROWS])
def test_every_line_of_the_table_holds(expression: str, outcome: str) -> None:
    came = what_comes_of(expression)

    assert came == outcome or (ERROR.match(came) and came.startswith(outcome))
