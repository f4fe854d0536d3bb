"""Masking as the official runner's own tests have it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from terraphim_runner.executor.mask import Masker
from terraphim_runner.executor.workflow_command import parse_workflow_command

_FILE = Path(__file__).parents[3] / "shared" / "conformance" / "actions-runner" / "secret-masking.json"
_CASES = json.loads(_FILE.read_text(encoding="utf-8"))["cases"] if _FILE.exists() else []

if not _CASES:
    pytest.skip(f"{_FILE} is not there", allow_module_level=True)


@pytest.mark.parametrize("case", _CASES, ids=lambda case: case["id"])
def test_the_log_shows_what_the_runners_does(case: dict[str, Any]) -> None:
    """Secrets are registered, or masks asked for; then something is printed."""
    masker = Masker(case.get("secrets", ()))
    for line in case.get("commands", ()):
        command = parse_workflow_command(line)
        assert command is not None
        masker.add(command.data)

    assert masker.mask(case["input"]) == case["expected"]
