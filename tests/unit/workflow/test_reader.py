"""A workflow file becomes a model, or all of its faults."""

from __future__ import annotations

import pytest

from terraphim_runner.domain.diagnostic import Position, Severity
from terraphim_runner.workflow.job import Access, CallJob, Concurrency, ConcurrencyQueue, NormalJob
from terraphim_runner.workflow.reader import ReadResult, read_workflow

MINIMAL = "on: push\njobs: {a: {runs-on: x, steps: [{run: echo}]}}\n"


def errors(result: ReadResult) -> list[str]:
    return [each.code for each in result.diagnostics if each.severity is Severity.ERROR]


def test_the_smallest_workflow_is_read() -> None:
    result = read_workflow(MINIMAL, "ci.yml")

    assert result.diagnostics == ()
    assert result.workflow is not None
    assert result.workflow.file == "ci.yml"
    assert [trigger.name.value for trigger in result.workflow.triggers] == ["push"]
    assert [job.id.value for job in result.workflow.jobs] == ["a"]


def test_a_byte_order_mark_does_not_count() -> None:
    result = read_workflow("\ufeff" + MINIMAL.replace("push", "posh"), "ci.yml")

    assert [each.span.start for each in result.diagnostics] == [Position(1, 5)]


def test_windows_line_ends_do_not_matter() -> None:
    assert read_workflow(MINIMAL.replace("\n", "\r\n"), "ci.yml").workflow is not None


def test_faults_of_every_kind_come_together_in_the_order_of_the_file() -> None:
    text = """\
on: pusch
jobs:
  a-b:
    runs-on: x
    needs: [nobody]
    steps:
      - rum: echo
      - run: echo ${{ nope.x }}
      - uses: checkout
  1c:
    runs-on: x
    if: github.ref = 'x'
"""
    result = read_workflow(text, "ci.yml")

    assert result.workflow is None
    assert [(each.span.start.line, each.code) for each in result.diagnostics] == [
        (1, "unexpected-value"),
        (5, "unknown-need"),
        (7, "unknown-key"),
        (7, "ambiguous-mapping"),
        (8, "unknown-context"),
        (9, "bad-uses"),
        (10, "bad-job-id"),
        (12, "expression-syntax"),
    ]


def test_a_warning_does_not_keep_a_file_from_being_read() -> None:
    result = read_workflow(MINIMAL.replace("on: push", "on: {schedule: [{cron: '* * * * *'}]}"), "ci.yml")

    assert [each.severity for each in result.diagnostics] == [Severity.WARNING]
    assert result.workflow is not None


def test_all_the_settings_of_a_workflow_are_in_the_model() -> None:
    text = """\
name: 3.10
description: about
run-name: by ${{ github.actor }}
on: [push, push, pull_request]
permissions: {contents: read, id-token: write}
env: {A: 1, b: "${{ github.ref }}"}
defaults: {run: {shell: bash, working-directory: w}}
concurrency: {group: g, cancel-in-progress: false, queue: max}
jobs: {a: {runs-on: x}}
"""
    workflow = read_workflow(text, "ci.yml").workflow

    assert workflow is not None
    assert str(workflow.name) == "3.1"
    assert workflow.run_name is not None
    assert workflow.run_name.literal is None
    assert [trigger.name.value for trigger in workflow.triggers] == ["push", "pull_request"]
    assert workflow.permissions is not None
    assert workflow.permissions.scopes == {"contents": Access.READ, "id-token": Access.WRITE}
    assert str(workflow.env.get("B")) == "${{ github.ref }}"  # type: ignore[union-attr]
    assert isinstance(workflow.concurrency, Concurrency)
    assert workflow.concurrency.queue is ConcurrencyQueue.MAX


def test_jobs_and_triggers_are_found_by_name() -> None:
    workflow = read_workflow(MINIMAL, "ci.yml").workflow

    assert workflow is not None
    assert workflow.job("A") is workflow.jobs[0]
    assert workflow.job("b") is None
    assert workflow.trigger("push") is workflow.triggers[0]
    assert workflow.trigger("issues") is None


def test_both_kinds_of_job_are_told_apart() -> None:
    text = "on: push\njobs: {a: {runs-on: x}, b: {uses: ./.github/workflows/b.yml, secrets: inherit}}\n"
    workflow = read_workflow(text, "ci.yml").workflow

    assert workflow is not None
    normal, call = workflow.jobs
    assert isinstance(normal, NormalJob)
    assert isinstance(call, CallJob)
    assert call.inherit_secrets


def test_a_job_that_waits_for_its_own_run_is_refused() -> None:
    text = "on: push\nconcurrency: g\njobs:\n  a:\n    runs-on: x\n    concurrency: {group: g}\n"
    result = read_workflow(text, "ci.yml")

    assert [(each.code, each.span.start.line) for each in result.diagnostics] == [
        ("concurrency-deadlock", 2),
        ("concurrency-deadlock", 6),
    ]


@pytest.mark.parametrize("group", ["${{ github.ref }}", "other"])
def test_a_group_that_is_another_or_not_known_yet_is_no_deadlock(group: str) -> None:
    text = f"on: push\nconcurrency: ${{{{ github.ref }}}}\njobs: {{a: {{runs-on: x, concurrency: '{group}'}}}}\n"

    assert errors(read_workflow(text, "ci.yml")) == []


def test_queueing_and_cancelling_exclude_each_other() -> None:
    setting = "concurrency: {group: g, queue: max, cancel-in-progress: true}\n"

    assert errors(read_workflow(MINIMAL + setting, "ci.yml")) == ["queue-and-cancel"]


@pytest.mark.parametrize("text", ["", "[]", "x", "on: push", "jobs: {}", "on: {}\njobs: []", "- on", "? [a]\n: b"])
def test_what_is_no_workflow_is_refused_and_nothing_breaks(text: str) -> None:
    result = read_workflow(text, "ci.yml")

    assert result.workflow is None
    assert errors(result)


@pytest.mark.parametrize(
    ("text", "line", "hint"),
    [
        ("on: push\nsteps: []\njobs: {}\n", 2, "`steps` belongs to a job"),
        ("on: push\nruns-on: x\njobs: {}\n", 2, "`runs-on` belongs to a job"),
        ("on: push\njobs:\n  a:\n    runs-on: x\n    run: make\n", 5, "`run` belongs to a step"),
        ("on: push\njobs:\n  a:\n    uses: ./.github/workflows/b.yml\n    run: x\n", 5, "`run` belongs to a step"),
        ("on: push\njobs:\n  a:\n    runs-on: x\n    on: push\n", 5, "`on` belongs to the whole file"),
        ("on: push\njobs: {a: {runs-on: x, steps: [{run: x, needs: b}]}}\n", 2, "`needs` belongs to a job"),
    ],
)
def test_a_key_that_belongs_elsewhere_is_told_where(text: str, line: int, hint: str) -> None:
    found = [each for each in read_workflow(text, "ci.yml").diagnostics if each.code == "unknown-key"]

    assert [line] == [each.span.start.line for each in found]
    assert (found[0].hint or "").startswith(hint)


def test_a_key_written_twice_is_told_with_the_line_of_the_first() -> None:
    text = "on: push\njobs: {}\n\non: pull_request\n"

    [fault] = [each for each in read_workflow(text, "ci.yml").diagnostics if each.code == "duplicate-key"]

    assert (fault.hint or "").startswith("the first one is on line 1")
