"""A file with one thing changed is read or refused, never the cause of an exception or of a long wait."""

from __future__ import annotations

import json
import time
from pathlib import Path
from random import Random
from typing import Any

import pytest
from tests.oracle.workflow_mutation import mutants

from terraphim_runner.domain.diagnostic import Severity
from terraphim_runner.workflow.reader import read_workflow

CORPUS = Path(__file__).parents[3] / "shared" / "conformance" / "real-workflows"
MUTANTS_PER_FILE = 4
LONGEST_S = 5.0

pytestmark = [
    pytest.mark.conformance,
    pytest.mark.skipif(not CORPUS.is_dir(), reason="../shared/conformance is not on this machine"),
]


def files() -> list[Any]:
    path = CORPUS / "manifest.json"
    cases = json.loads(path.read_text(encoding="utf-8"))["cases"] if path.is_file() else []
    return [pytest.param(case["file"], id=case["id"]) for case in cases]


@pytest.mark.parametrize("name", files())
def test_a_changed_file_gives_a_model_or_a_fault_with_a_place_in_the_file(name: str) -> None:
    text = (CORPUS / name).read_bytes().decode("utf-8-sig")

    for mutant in mutants(text, Random(name), MUTANTS_PER_FILE):
        started = time.monotonic()
        result = read_workflow(mutant.text, name)
        took_s = time.monotonic() - started
        last_line = len(mutant.text.splitlines()) + 1
        errors = [each for each in result.diagnostics if each.severity is Severity.ERROR]

        assert (result.workflow is None) == bool(errors), mutant.what
        assert all(1 <= each.span.start.line <= last_line for each in result.diagnostics), mutant.what
        assert all(each.span.start.column >= 1 for each in result.diagnostics), mutant.what
        assert took_s < LONGEST_S, mutant.what
