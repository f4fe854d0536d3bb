"""GitHub's own functions, one file each or a few of a kind; their names and arities are in `signature`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from terraphim_runner.expressions.functions.arguments import Arguments
from terraphim_runner.expressions.functions.choice import case
from terraphim_runner.expressions.functions.formatting import format_text
from terraphim_runner.expressions.functions.json_reading import from_json
from terraphim_runner.expressions.functions.json_writing import to_json
from terraphim_runner.expressions.functions.search import contains, ends_with, starts_with
from terraphim_runner.expressions.functions.sequence import join
from terraphim_runner.expressions.value import Value, fold_case

if TYPE_CHECKING:
    from collections.abc import Callable

FUNCTIONS: dict[str, Callable[[Arguments], Value]] = {
    fold_case(name): function
    for name, function in {
        "case": case,
        "contains": contains,
        "endsWith": ends_with,
        "format": format_text,
        "fromJSON": from_json,
        "join": join,
        "startsWith": starts_with,
        "toJSON": to_json,
    }.items()
}

__all__ = ["FUNCTIONS", "Arguments"]
