"""The shared tests of GitHub's parsers about called workflows: what caller and called owe each other."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from terraphim_runner.domain.diagnostic import Severity
from terraphim_runner.workflow.call import MAX_NESTED, WorkflowLoader, check_calls
from terraphim_runner.workflow.permission import LIMITED_READ
from terraphim_runner.workflow.reader import read_workflow

CORPUS = Path(__file__).parents[3] / "shared" / "conformance" / "languageservices-reader"

pytestmark = [
    pytest.mark.conformance,
    pytest.mark.skipif(not CORPUS.is_dir(), reason="../shared/conformance is not on this machine"),
]

EXCEPTIONS = {
    "errors-reusable-workflow-max-result-size.yml": "the server adds up what a file holds for each call; "
    "we limit what each file holds, and the calls",
}
PLACE = re.compile(
    r"^(?:In .*?: Error from called workflow )?"
    r"(?P<file>\S+) \(Line: (?P<line>\d+), Col: (?P<column>\d+)\): (?P<message>.*)",
    re.DOTALL,
)
CUT = "[...]"  # the server's messages end so when they are long


def cases(*, errors: bool) -> list[Any]:
    path = CORPUS / "manifest.json"
    found = json.loads(path.read_text(encoding="utf-8"))["cases"] if path.is_file() else []
    return [
        pytest.param(case, id=case["file"])
        for case in found
        if "reusable" in case["file"] and case["expects_errors"] is errors and case["file"] not in EXCEPTIONS
    ]


def faults(case: Any) -> list[tuple[str, int, str]]:
    documents = (CORPUS / case["file"]).read_text(encoding="utf-8").split("\n---\n")
    called = {name.strip(): text for name, text in zip(documents[2:-1:2], documents[3:-1:2], strict=True)}
    result = read_workflow(documents[1], f".github/workflows/{case['file']}")
    found = [each for each in result.diagnostics if each.severity is Severity.ERROR]
    if result.workflow is not None:
        grant = LIMITED_READ if case["options"].get("permissions-policy") == "LimitedRead" else None
        nested = case["options"].get("max-nested-reusable-workflows-depth", MAX_NESTED)
        found += check_calls(result.workflow, WorkflowLoader(called.get, max_nested=nested), grant=grant)
    return [(each.span.file, each.span.start.line, each.message) for each in found]


@pytest.mark.parametrize("case", cases(errors=True))
def test_a_call_that_github_refuses_is_refused_on_the_same_line_in_the_same_words(case: Any) -> None:
    found = faults(case)

    assert len(case["error_messages"]) == len(found)
    for expected, (file, line, message) in zip(case["error_messages"], found, strict=True):
        place = PLACE.match(expected)
        if place is None:  # the server does not say where
            assert expected.endswith(message)
            continue
        assert (place["file"], int(place["line"])) == (file, line)  # of a wrong input we blame the key
        if CUT in expected:
            assert words(place["message"].partition("but is only")[0]) <= words(message)
        else:
            assert place["message"] == message


def words(message: str) -> set[str]:
    return set(message.replace("'", "").replace(",", "").split())


@pytest.mark.parametrize("case", cases(errors=False))
def test_a_call_that_github_takes_is_taken(case: Any) -> None:
    assert faults(case) == []
