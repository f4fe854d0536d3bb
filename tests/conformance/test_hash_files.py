"""`hashFiles()` against what GitHub's own program computes, on real files."""

from __future__ import annotations

import json
import subprocess
import sys
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.conformance

_SHARED = Path(__file__).parents[3] / "shared/conformance"
_TABLE = _SHARED / "actions-runner/hashfiles.json"
_ACT = _SHARED / "act-tables/expressions.json"
_ACT_FILES = _SHARED / "act-tables/exprparser-testdata"
_CONTENT = json.loads(_TABLE.read_text()) if _TABLE.exists() else {"cases": []}
_ACT_CASES = json.loads(_ACT.read_text())["cases"] if _ACT.exists() else []
_HASHING = [case for case in _ACT_CASES if "github_hashfiles" in case]
_PROGRAM = files("terraphim_runner.executor").joinpath("hash_files_program.py").read_text("utf-8")


def _hash(workspace: Path, patterns: list[str]) -> str | None:
    argv = [sys.executable, "-I", "-S", "-c", _PROGRAM, str(workspace), "keep", *patterns]
    done = subprocess.run(argv, capture_output=True, text=True, check=False)
    return done.stdout.strip() if done.returncode == 0 else None


@pytest.mark.skipif(not _CONTENT["cases"], reason=f"{_TABLE} is not here")
@pytest.mark.parametrize("case", _CONTENT["cases"], ids=lambda case: case["id"])
def test_files_hash_as_with_the_official_runner(case: dict[str, Any], tmp_path: Path) -> None:
    for name, text in case.get("files", _CONTENT.get("files", {})).items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)

    assert _hash(tmp_path, case["patterns"]) == case["expected"]


@pytest.mark.skipif(not _HASHING, reason=f"{_ACT} is not here")
@pytest.mark.parametrize("case", _HASHING, ids=lambda case: case["id"])
def test_the_files_of_act_hash_as_with_the_official_runner(case: dict[str, Any]) -> None:
    patterns = [part for index, part in enumerate(case["expr"].split("'")) if index % 2]

    assert _hash(_ACT_FILES, patterns) == case["github_hashfiles"]["value"]
