"""GITHUB_ENV, GITHUB_OUTPUT and GITHUB_STATE against the official runner's own test table."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from terraphim_runner.executor.file_command import BLOCKED_ENV, FileCommandInvalid, read_assignments

pytestmark = pytest.mark.conformance

_TABLE = Path(__file__).parents[3] / "shared/conformance/actions-runner/file-commands.json"
_ALL = json.loads(_TABLE.read_text())["cases"] if _TABLE.exists() else []
_CASES = [case for case in _ALL if case.get("os") != "windows"]


@pytest.mark.skipif(not _CASES, reason=f"{_TABLE} is not here")
@pytest.mark.parametrize("case", _CASES, ids=lambda case: case["id"])
def test_a_command_file_means_what_it_means_to_the_official_runner(case: dict[str, Any]) -> None:
    text = case["content"] or ""
    if fault := case.get("expected_error_contains"):
        with pytest.raises(FileCommandInvalid, match=fault):
            dict(read_assignments(text))
        return
    assignments = dict(read_assignments(text))
    if case["file"] == "env":
        assignments = {name: value for name, value in assignments.items() if name not in BLOCKED_ENV}

    assert assignments == case["expected"]
