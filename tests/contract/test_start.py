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


def test_a_run_loads_the_engine_only_where_it_runs() -> None:
    """A worker that is there has it loaded, and reads the workflow: handing the run over waits for neither."""
    program = "import sys, terraphim_runner.cli.run; print(*sorted(sys.modules))"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)

    loaded = set(done.stdout.split())
    assert "terraphim_runner.worker.client" in loaded
    assert loaded & {"structlog", "rich", "yaml", "regex", "terraphim_runner.executor.executor"} == set()
    parts = ("adapters", "expressions", "link", "verification")
    assert [name for name in loaded if name.startswith(tuple(f"terraphim_runner.{part}" for part in parts))] == []
