"""Patterns, matrices, event contexts and plans against other people's tables and real workflow files."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from terraphim_runner.domain.errors import WorkflowError
from terraphim_runner.domain.vm_type import VmType
from terraphim_runner.expressions.scope import Scope
from terraphim_runner.expressions.value import to_python
from terraphim_runner.workflow.call import WorkflowLoader
from terraphim_runner.workflow.event_context import Repository, event_context
from terraphim_runner.workflow.filter_pattern import ignoring_pattern, selects
from terraphim_runner.workflow.job import NormalJob
from terraphim_runner.workflow.machine import LabelTable, evaluate_runs_on
from terraphim_runner.workflow.matrix import plan_strategy
from terraphim_runner.workflow.pattern import pattern_fault, ref_doubt
from terraphim_runner.workflow.plan import Setting, plan_run
from terraphim_runner.workflow.reader import read_workflow
from terraphim_runner.workflow.trigger import decide

if TYPE_CHECKING:
    from terraphim_runner.workflow.document import Workflow

CORPUS = Path(__file__).parents[3] / "shared" / "conformance"
DEFAULT = VmType("default", "debian-12", 2, 2048, 8192)

pytestmark = [
    pytest.mark.conformance,
    pytest.mark.skipif(not CORPUS.is_dir(), reason="../shared/conformance is not on this machine"),
]

# GitHub's documentation, since December 2025: pull_request_target runs on the default branch, whatever the base.
DIFFERENT_CONTEXTS = {"TestSetRef/pull_request_target"}


def load(name: str) -> Any:
    path = CORPUS / name
    return json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {"cases": []}


def cases(name: str) -> list[Any]:
    return [pytest.param(case, id=case["id"]) for case in load(name)["cases"]]


@pytest.mark.parametrize("case", cases("act-tables/filter-patterns.json"))
def test_filter_patterns_select_and_ignore_names(case: dict[str, Any]) -> None:
    patterns, inputs = case["patterns"], case["inputs"]

    assert case["skip_result"] is not any(selects(patterns, name) for name in inputs)
    assert case["filter_result"] is all(ignoring_pattern(patterns, name) is not None for name in inputs)


@pytest.mark.parametrize("case", cases("actionlint/glob-validate.json"))
def test_malformed_filter_patterns_are_told_from_good_ones(case: dict[str, Any]) -> None:
    row = case.get("row", [""])
    pattern = str(case.get("pattern", row["input"] if isinstance(row, dict) else row[0]))
    faults = pattern_fault(pattern), ref_doubt(pattern)

    if case["test"] == "TestValidateGlobOK":
        assert faults == (None, None)
    elif case["test"] == "TestValidateGlobPathOnlyOK":
        assert faults[0] is None
    else:
        assert faults != (None, None)


def strategy_of(text: str, job: str) -> Any:
    workflow = read_workflow(text, "ci.yml").workflow
    assert workflow is not None
    found = workflow.job(job)
    assert found is not None
    return found.strategy


def sorted_legs(legs: Any) -> list[str]:
    return sorted(json.dumps(leg, sort_keys=True) for leg in legs)  # act sorts the keys, so the order differs


@pytest.mark.parametrize("case", cases("act-tables/matrix.json"))
def test_matrices_make_the_legs_of_acts_table(case: dict[str, Any]) -> None:
    text, job = case.get("workflow_text"), case.get("job", "job")
    if text is None:
        rows = "\n".join(f"        {line}" for line in case["matrix_yaml"].splitlines())
        steps = "    runs-on: x\n    steps: [{run: x}]"
        text = f"on: push\njobs:\n  job:\n    strategy:\n      matrix:\n{rows}\n{steps}\n"
    plan = plan_strategy(strategy_of(text, job), Scope())

    assert sorted_legs(case["matrix"]) == sorted_legs(to_python(leg.matrix) or {} for leg in plan.legs)
    assert case.get("fail_fast", True) is plan.fail_fast
    if "max_parallel" in case and len(plan.legs) > 1:  # of a single leg GitHub says 1, whatever is written
        assert case["max_parallel"] == plan.max_parallel


@pytest.mark.parametrize("case", cases("act-tables/github-context.json"))
def test_refs_and_commits_follow_from_event_and_payload(case: dict[str, Any]) -> None:
    git = case.get("git", {})
    repository = Repository(
        ref=git.get("ref", ""), sha=git.get("sha", ""), default_branch=case.get("default_branch", "")
    )
    event = event_context(case["event"], case["payload"], repository)
    if case["id"] in DIFFERENT_CONTEXTS:
        assert f"refs/heads/{case['default_branch']}" == event.ref
        return

    assert case.get("expected_ref", event.ref) == event.ref
    assert case.get("expected_ref_name", event.ref_name) == event.ref_name
    assert case.get("expected_sha", event.sha) == event.sha


@pytest.mark.parametrize("case", cases("act-tables/runs-on.json"))
def test_runs_on_comes_out_as_labels(case: dict[str, Any]) -> None:
    text = f"on: push\njobs:\n  job:\n    {case['job_yaml']}\n    steps: [{{run: x}}]\n"
    workflow = read_workflow(text, "ci.yml").workflow
    if workflow is None:
        assert case["expected"] == []
        return
    job = workflow.jobs[0]
    assert isinstance(job, NormalJob)

    assert case["expected"] == [label.text for label in evaluate_runs_on(job.runs_on, Scope()).labels]


@pytest.mark.parametrize("case", cases("webhook-payloads/manifest.json"))
def test_every_real_payload_gives_an_event_and_a_decision(case: dict[str, Any]) -> None:
    payload = load(f"webhook-payloads/{case['file']}")
    event = event_context(case["event"], payload, Repository(ref="refs/heads/x", sha="c0ffee", default_branch="x"))
    read = read_workflow(f"on: {case['event']}\njobs: {{a: {{runs-on: x, steps: [{{run: x}}]}}}}", "ci.yml")

    assert event.repository in {case["repository"], ""}
    assert (case["default_branch"] or "x") == event.default_branch
    assert case["action"] == event.action
    assert event.sha
    if read.workflow is not None:
        assert decide(read.workflow, event).reason


ELSEWHERE = {"nothing-to-run", "unserved-label", "workflow-not-found", "remote-workflow"}
REAL = sorted((CORPUS / "real-workflows").glob("*.y*ml"))


@pytest.mark.parametrize("path", REAL, ids=lambda path: path.stem)
def test_every_real_workflow_can_be_decided_on_and_planned(path: Path) -> None:
    """Nothing but a label, or a workflow that is called and is not here, keeps a real workflow from a plan."""
    workflow = read_workflow(path.read_text(encoding="utf-8"), path.name).workflow
    if workflow is None:
        pytest.skip("the reader refuses it")  # whether rightly, other tests ask
    repository = Repository(ref="refs/heads/main", default_branch="main", sha="c0ffee", name="octo/repo")
    for trigger in workflow.triggers:
        assert decide(workflow, event_context(trigger.name.value, {}, repository)).reason
    if {trigger.name.value for trigger in workflow.triggers} == {"workflow_call"}:
        pytest.skip("only another workflow gives it the inputs that it needs")

    assert faults_of_plan(workflow, repository) <= ELSEWHERE


def faults_of_plan(workflow: Workflow, repository: Repository) -> set[str]:
    labels = LabelTable({"ubuntu-latest": DEFAULT}, DEFAULT)
    setting = Setting(labels=labels, loader=WorkflowLoader(lambda _: None), skip_unserved=True)
    try:
        return set() if plan_run(workflow, event_context("push", {}, repository), setting).jobs else {"empty"}
    except WorkflowError as error:
        return {each.code for each in error.diagnostics}
