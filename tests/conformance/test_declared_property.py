"""Warnings of properties that nothing declares, beside those of GitHub's language service."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from terraphim_runner.workflow.read_action import read_action
from terraphim_runner.workflow.reader import read_workflow

CORPUS = Path(__file__).parents[3] / "shared" / "conformance"
CASES = CORPUS / "languageservices-validate" / "cases.json"

pytestmark = [
    pytest.mark.conformance,
    pytest.mark.skipif(not CORPUS.is_dir(), reason="../shared/conformance is not on this machine"),
]

THEIRS = "Context access might be invalid: "
NO_MATRIX = "matrix.x in a job without a matrix is always null: the service lets it pass, we tell"
ENVIRONMENT = "a step may set any variable through GITHUB_ENV, so we do not judge env"
PAYLOAD = "we do not hold payloads against their schemas"
PREFIX = "validate.expressions.test.ts/"
EXCEPTIONS = {
    f"{PREFIX}references env outside of scope": ENVIRONMENT,
    "validate.format-string.test.ts/skips validation for dynamic format strings": ENVIRONMENT,
    f"{PREFIX}validates event payload": PAYLOAD,
    f"{PREFIX}validates event inputs via github.event": PAYLOAD,
    f"{PREFIX}reference outside of a matrix job#2": NO_MATRIX,
} | dict.fromkeys(
    (
        f"validate.block-scalar-warning.test.ts/{name}"
        for name in (
            "does not warn with keep chomping",
            "does not warn with keep chomping#2",
            "does not warn with strip chomping",
            "does not warn with strip chomping#2",
            "uses > indicator in warning message for folded scalars",
            "warns with clip chomping#6",
            "does not warn for inline expressions",
        )
    ),
    NO_MATRIX,
)


def cases() -> list[Any]:
    found = json.loads(CASES.read_text(encoding="utf-8"))["cases"] if CASES.is_file() else []
    return [pytest.param(case, id=case["id"]) for case in found if case["id"] not in EXCEPTIONS]


@pytest.mark.parametrize("case", cases())
def test_the_same_properties_are_warned_of_on_the_same_lines(case: Any) -> None:
    read = read_action if case["kind"] == "action" else read_workflow
    theirs = {
        (each["line"], each["message"].removeprefix(THEIRS))
        for each in case["diagnostics"]
        if each["message"].startswith(THEIRS)
    }
    ours = {
        (each.span.start.line, each.message.split("'")[1])
        for each in read(case["yaml"], "file.yml").diagnostics
        if each.code == "unknown-property"
    }

    assert theirs == ours
