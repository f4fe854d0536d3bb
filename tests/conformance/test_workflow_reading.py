"""Workflow and action files of other people: which are read, which are refused, on which line."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from terraphim_runner.domain.diagnostic import Severity
from terraphim_runner.workflow.composer import Limits
from terraphim_runner.workflow.cron import parse_cron, runs_too_often
from terraphim_runner.workflow.job import NormalJob
from terraphim_runner.workflow.pattern import pattern_fault
from terraphim_runner.workflow.read_action import read_action
from terraphim_runner.workflow.reader import read_workflow
from terraphim_runner.workflow.step import RunStep, UsesStep

if TYPE_CHECKING:
    from collections.abc import Iterable

    from terraphim_runner.domain.diagnostic import Diagnostic
    from terraphim_runner.workflow.document import Workflow

CORPUS = Path(__file__).parents[3] / "shared" / "conformance"
JUDGED = ("real-workflows", "actionlint", "schemastore", "zizmor-models", "runner-server")

pytestmark = [
    pytest.mark.conformance,
    pytest.mark.skipif(not CORPUS.is_dir(), reason="../shared/conformance is not on this machine"),
]

BACKGROUND = "the oracle ran with background steps switched off; GitHub has had them since mid 2026"
TEXT_IN_IF = "only GitHub's editor refuses text around ${{ }} in an if; GitHub runs it, so we warn"
ALIAS = "the port blames what comes after; we blame the alias itself"
LITERAL = "validate/validate.expressions-literal-text.test.ts"
ANCHORS = "validate/validate.yaml-anchors.test.ts"
EXCEPTIONS = {
    "schemastore/test/github-workflow/parallel-steps.yaml": BACKGROUND,
    "zizmor-models/sample-workflows/parallel-steps-background.yml": BACKGROUND,
    "zizmor-models/sample-workflows/parallel-steps-wait-all.yml": BACKGROUND,
    "validate/validate.test.ts/background step keywords are accepted when enabled": BACKGROUND,
    "validate/validate.test.ts/background step keywords are rejected when disabled": BACKGROUND,
    "runner-server/testworkflows/case_insensitive_needs/.github/workflows/case-insensitive-needs.yml": (
        "only the port minds the case of needs; the server, in C#, does not, and this file's own CI relies on it"
    ),
    "runner-server/testworkflows/matrix-eq-test/.github/workflows/matrix-eq-test.yml": (
        "the oracle's verdict is a crash of the port: raw.indexOf is not a function"
    ),
    f"{LITERAL}/errors when literal text mixed with embedded expression": TEXT_IN_IF,
    f"{LITERAL}/errors when literal text mixed with embedded expression#2": TEXT_IN_IF,
    f"{LITERAL}/still errors when there is actual literal text outside expression": TEXT_IN_IF,
    f"{ANCHORS}/should handle circular aliases without hanging": ALIAS,
    f"{ANCHORS}/should handle undefined alias references": ALIAS,
    "reader/errors-anchor-tag.yml": "from before September 2025, when GitHub learnt anchors",
    "reader/events-mapping-all.yml": (
        "skipped upstream for C# and Go: GitHub refuses branches beside branches-ignore, as its documentation says"
    ),
    "model/curl__curl__http3-linux.yml": "the port keeps the indentation of `if: >-` and wraps it in format()",
    "model/moby__moby__validate-pr.yml": "the port keeps the indentation of `if: >-` and wraps it in format()",
}


def load(name: str) -> Any:
    path = CORPUS / name
    return json.loads(path.read_text(encoding="utf-8"))["cases"] if path.is_file() else []


def params(cases: Iterable[tuple[str, Any]]) -> list[Any]:
    return [pytest.param(key, case, id=key) for key, case in cases if key not in EXCEPTIONS]


def judged(verdict: str) -> list[Any]:
    return params(
        (f"{corpus}/{case['file']}", case)
        for corpus in JUDGED
        for case in load(f"{corpus}/manifest.json")
        if case.get("github_verdict") == verdict and "file" in case
    )


def text_of(path: str) -> str:
    return (CORPUS / path).read_bytes().decode("utf-8-sig")


def errors(diagnostics: Iterable[Diagnostic]) -> list[Diagnostic]:
    return [each for each in diagnostics if each.severity is Severity.ERROR]


def faults(kind: str | None, text: str, file: str) -> list[Diagnostic]:
    return errors((read_action if kind == "action" else read_workflow)(text, file).diagnostics)


@pytest.mark.parametrize(("path", "case"), judged("accepts"))
def test_a_file_that_github_takes_is_taken(path: str, case: Any) -> None:
    assert faults(case.get("kind"), text_of(path), path) == []


@pytest.mark.parametrize(("path", "case"), judged("rejects"))
def test_a_file_that_github_refuses_is_refused_on_one_of_its_lines(path: str, case: Any) -> None:
    lines = {error.span.start.line for error in faults(case.get("kind"), text_of(path), path)}
    theirs = case.get("github_parser_errors") or case.get("github_service_errors") or case["github"]["errors"]
    places = [re.match(r"(?:\S+ \(Line: )?(\d+)[:,]", message) for message in theirs]

    assert lines
    assert None in places or lines & {int(place[1]) for place in places if place}


# ---------------------------------------------------------------- models
def models() -> list[Any]:
    cases = load("real-workflows/manifest.json")
    return params((f"model/{case['file']}", case) for case in cases if case["github_verdict"] == "accepts")


@pytest.mark.parametrize(("key", "case"), models())
def test_a_real_workflow_has_the_events_jobs_needs_steps_and_conditions_github_finds(key: str, case: Any) -> None:
    result = read_workflow(text_of(f"real-workflows/{case['file']}"), key)

    assert result.workflow is not None
    assert their_summary(case["github"]) == summary(result.workflow)


def summary(workflow: Workflow) -> Any:
    jobs = []
    for job in workflow.jobs:
        steps = job.steps if isinstance(job, NormalJob) else ()
        conditions = [
            (step.id, squeezed(step.condition.text) if isinstance(step, RunStep | UsesStep) else None)
            for step in steps
        ]
        jobs.append((job.id.value, [need.value for need in job.needs], squeezed(job.condition.text), conditions))
    return sorted({trigger.name.value for trigger in workflow.triggers}), jobs


def their_summary(found: Any) -> Any:
    jobs = [
        (
            job["id"],
            job.get("needs", []),
            squeezed(job["if"]),
            [(step["id"], squeezed(step.get("if"))) for step in job.get("steps", [])],
        )
        for job in found["jobs"]
    ]
    return sorted(found["events"]), jobs


def squeezed(condition: str | None) -> str | None:
    """Leave out blanks, which the port keeps as they are in the file, and the braces of the manifest."""
    return None if condition is None else "".join(condition.removeprefix("${{").removesuffix("}}").split())


# ---------------------------------------------------------------- the language service's own tests
def validated() -> list[Any]:
    return params((f"validate/{case['id']}", case) for case in load("languageservices-validate/cases.json"))


@pytest.mark.parametrize(("_key", "case"), validated())
def test_a_case_of_the_language_service_is_taken_or_refused_alike(_key: str, case: Any) -> None:
    lines = {error.span.start.line for error in faults(case["kind"], case["yaml"], "file.yml")}
    theirs = {each["line"] for each in case["diagnostics"] if each["severity"] == "error"}

    assert bool(lines) == bool(theirs)
    assert not theirs or lines & theirs


def crons(key: str) -> list[Any]:
    cases = load("languageservices-validate/cron.json")
    return [pytest.param(case["cron"], case[key], id=case["id"]) for case in cases if key in case]


@pytest.mark.parametrize(("cron", "expected"), crons("valid"))
def test_a_cron_line_is_taken_or_refused_alike(cron: str, expected: bool) -> None:
    assert expected == (parse_cron(cron) is not None)


@pytest.mark.parametrize(("cron", "expected"), crons("interval_less_than_5_minutes"))
def test_a_cron_line_that_asks_for_too_much_is_found(cron: str, expected: bool) -> None:
    assert expected == runs_too_often(cron)


# ---------------------------------------------------------------- the parser's shared tests
def shared() -> list[Any]:
    cases = load("languageservices-reader/manifest.json")
    called = "errors-reusable"  # about called workflows, which are read when a run is planned
    return params((f"reader/{case['file']}", case) for case in cases if not case["file"].startswith(called))


@pytest.mark.parametrize(("_key", "case"), shared())
def test_a_shared_test_of_githubs_parsers_comes_out_alike(_key: str, case: Any) -> None:
    documents = text_of(f"languageservices-reader/{case['file']}").split("\n---\n")
    options = case["options"]
    defaults = Limits()
    limits = Limits(
        max_depth=options.get("max-depth", defaults.max_depth),
        max_characters=options.get("max-file-size", defaults.max_characters),
        max_bytes=options.get("max-result-size", defaults.max_bytes),
    )
    result = read_workflow(documents[1], case["file"], limits=limits)
    lines = {error.span.start.line for error in errors(result.diagnostics)}
    expected = [re.search(r"\(Line: (\d+)", message) for message in case["error_messages"]]

    assert case["expects_errors"] == bool(lines)
    assert all(int(place[1]) in lines for place in expected if place)
    assert result.workflow is None or [literal(job) for job in case["job_ids"]] == [
        job.id.value for job in result.workflow.jobs
    ]


def literal(token: Any) -> Any:
    """Take the string out of a token that also tells its place."""
    return token["lit"] if isinstance(token, dict) else token


@pytest.mark.parametrize("case", load("real-action-manifests/manifest.json"), ids=lambda case: case["id"])
def test_a_real_action_is_read_with_its_inputs_and_outputs(case: Any) -> None:
    action = read_action(text_of(f"real-action-manifests/{case['file']}"), case["file"], lenient=True).action

    assert action is not None
    assert case["using"] == action.runs.using.value
    assert sorted(case["inputs"]) == sorted(each.name.value for each in action.inputs)
    assert sorted(case["outputs"]) == sorted(each.name.value for each in action.outputs)


# ---------------------------------------------------------------- patterns
def patterns(*tests: str) -> list[Any]:
    cases = [
        case
        for case in load("actionlint/glob-validate.json")
        if case["test"].removeprefix("TestValidateGlob") in tests
    ]
    return [pytest.param(case.get("pattern") or case["row"]["input"], id=case["id"]) for case in cases]


@pytest.mark.parametrize("pattern", patterns("OK", "PathOnlyOK"))
def test_a_sound_filter_pattern_is_taken(pattern: str) -> None:
    assert pattern_fault(pattern) is None


@pytest.mark.parametrize("pattern", patterns("SyntaxError"))
def test_an_unsound_filter_pattern_is_found(pattern: str) -> None:
    assert pattern_fault(pattern) is not None
