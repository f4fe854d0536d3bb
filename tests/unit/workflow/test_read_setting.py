"""Permissions, concurrency and defaults, of workflows and of jobs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from terraphim_runner.workflow.job import Access, Concurrency, ConcurrencyQueue, Defaults, NormalJob
from terraphim_runner.workflow.reader import read_workflow
from terraphim_runner.workflow.value import Flag, Template

if TYPE_CHECKING:
    from terraphim_runner.workflow.document import Workflow


def read(setting: str, job_setting: str = "") -> Workflow:
    job = f"  a: {{runs-on: x, {job_setting} steps: [{{run: make}}]}}"
    result = read_workflow(f"on: push\n{setting}\njobs:\n{job}\n", "ci.yml")
    assert result.workflow is not None, result.diagnostics
    return result.workflow


def concurrency(written: str) -> Concurrency:
    found = read(f"concurrency: {written}").concurrency
    assert isinstance(found, Concurrency)
    return found


def test_permissions_for_everything_are_one_access() -> None:
    written, nothing = read("permissions: write-all").permissions, read("name: x").permissions

    assert nothing is None
    assert written is not None
    assert written.all_scopes is Access.WRITE


def test_permissions_by_scope_name_only_what_is_written() -> None:
    found = read("permissions: {contents: read, issues: none}").permissions
    empty = read("permissions: {}").permissions

    assert found is not None
    assert found.scopes == {"contents": Access.READ, "issues": Access.NONE}
    assert found.all_scopes is None
    assert empty is not None
    assert empty.scopes == {}


def test_concurrency_may_be_the_group_alone() -> None:
    found = concurrency("deploy")

    assert str(found.group) == "deploy"
    assert found.cancel_in_progress is None
    assert found.queue is ConcurrencyQueue.SINGLE


def test_concurrency_as_a_mapping_says_what_becomes_of_others() -> None:
    found = concurrency("{group: deploy, cancel-in-progress: true}")
    computed = concurrency("{group: a, cancel-in-progress: \"${{ github.ref != 'x' }}\"}")

    assert isinstance(found.cancel_in_progress, Flag)
    assert isinstance(computed.cancel_in_progress, Template)
    assert concurrency("{group: deploy, queue: max}").queue is ConcurrencyQueue.MAX


def test_a_queue_of_all_and_cancelling_exclude_each_other() -> None:
    text = "on: push\nconcurrency: {group: a, queue: max, cancel-in-progress: true}\njobs: {a: {runs-on: x}}\n"

    [fault] = read_workflow(text, "ci.yml").diagnostics

    assert (fault.code, fault.span.start.column) == ("queue-and-cancel", 25)


def test_defaults_are_those_of_run() -> None:
    found = read("defaults: {run: {shell: bash, working-directory: src}}").defaults
    job = read("name: x", "defaults: {run: {shell: '${{ github.ref }}'}},").jobs[0]

    assert found is not None
    assert (str(found.shell), str(found.working_directory)) == ("bash", "src")
    assert isinstance(job, NormalJob)
    assert isinstance(job.defaults, Defaults)
    assert job.defaults.shell is not None
    assert job.defaults.shell.literal is None


def test_a_group_that_is_too_long_is_refused_before_anything_runs() -> None:
    text = "on: push\nconcurrency: {}\njobs: {{a: {{runs-on: x, steps: [{{run: make}}]}}}}\n"
    name = "x" * 401
    found = [
        read_workflow(text.format(each), "ci.yml").diagnostics for each in (name, f"{{group: {name}}}", name[1:])
    ]

    assert [[each.code for each in faults] for faults in found] == [["concurrency-group-too-long"]] * 2 + [[]]
