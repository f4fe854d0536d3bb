"""What a command loads before it does anything: only what it needs."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pathlib import Path

WORKFLOW = "on: push\njobs: {a: {runs-on: ubuntu-latest, steps: [{run: make}]}}\n"
PROBE = """\
import sys
from terraphim_runner.cli.app import main
try:
    main()
finally:
    print(*sorted(sys.modules), file=sys.stderr)
"""
LIBRARIES = {"anyio", "rich", "structlog", "pydantic_settings", "asyncio", "sqlite3"}
PARTS = ("adapters", "executor", "guest", "link", "ports", "session", "settings", "verification", "wire")


@pytest.mark.parametrize("command", ["validate", "list", "graph", "expr 1==1"])
def test_a_command_that_only_looks_at_files_loads_no_machinery(command: str, tmp_path: Path) -> None:
    path = tmp_path / ".github/workflows/ci.yml"
    path.parent.mkdir(parents=True)
    path.write_text(WORKFLOW)

    done = subprocess.run(
        [sys.executable, "-c", PROBE, *command.split()], cwd=tmp_path, capture_output=True, text=True, check=True
    )

    loaded = set(done.stderr.split())
    assert loaded & LIBRARIES == set()
    assert [name for name in loaded if name.startswith(tuple(f"terraphim_runner.{part}" for part in PARTS))] == []
