"""The claims of the design that are claims about the code."""

from __future__ import annotations

import ast
from pathlib import Path

_SOURCE = Path(__file__).parents[2] / "src" / "terraphim_runner"


def test_p1_only_the_session_manager_asks_a_provider_for_a_vm() -> None:
    callers = {
        str(path.relative_to(_SOURCE))
        for path in _SOURCE.rglob("*.py")
        if "adapters" not in path.parts and "allocate" in _called_attributes(path)
    }

    # The pool and the witness of `verify` pass the session manager's call on to the provider behind them.
    assert callers == {"session/manager.py", "pool/pool.py", "verification/witness.py"}


def test_no_assert_statement_stands_in_the_package() -> None:
    with_assert = [
        str(path.relative_to(_SOURCE))
        for path in _SOURCE.rglob("*.py")
        if any(isinstance(node, ast.Assert) for node in ast.walk(ast.parse(path.read_text())))
    ]

    assert with_assert == []


def _called_attributes(path: Path) -> set[str]:
    return {
        node.func.attr
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)
    }
