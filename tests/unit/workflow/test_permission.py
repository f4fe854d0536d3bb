"""What a called workflow may ask for."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from terraphim_runner.domain.errors import WorkflowError
from terraphim_runner.domain.vm_type import VmType
from terraphim_runner.workflow.call import WorkflowLoader, check_calls
from terraphim_runner.workflow.event_context import Repository, event_context
from terraphim_runner.workflow.machine import LabelTable
from terraphim_runner.workflow.permission import LIMITED_READ
from terraphim_runner.workflow.plan import Setting, plan_run
from terraphim_runner.workflow.reader import read_workflow

if TYPE_CHECKING:
    from terraphim_runner.workflow.document import Workflow

CALLED = ".github/workflows/b.yml"


def caller(permissions: str = "", job_permissions: str = "") -> Workflow:
    lines = ["on: push", permissions, "jobs:", "  c:", f"    uses: ./{CALLED}", job_permissions]
    result = read_workflow("\n".join(line for line in lines if line), ".github/workflows/a.yml")
    assert result.workflow is not None, result.diagnostics
    return result.workflow


def loader(permissions: str = "", job_permissions: str = "", name: str = "d") -> WorkflowLoader:
    job = f"jobs: {{{name}: {{runs-on: ubuntu-latest, {job_permissions} steps: [{{run: make}}]}}}}"
    return WorkflowLoader({CALLED: f"on: workflow_call\n{permissions}\n{job}\n"}.get)


@pytest.mark.parametrize(
    ("granted", "asked"),
    [
        ("permissions: write-all", "permissions: {issues: write},"),
        ("permissions: {issues: write}", "permissions: {issues: read},"),
        ("permissions: read-all", "permissions: {issues: none, models: read},"),
        ("permissions: write-all", "permissions: write-all,"),
        ("permissions: read-all", "permissions: read-all,"),
        ("permissions: {}", "permissions: {},"),
        ("permissions: {}", ""),
        ("", "permissions: write-all,"),
    ],
)
def test_a_called_job_may_ask_for_what_the_caller_has_or_less(granted: str, asked: str) -> None:
    assert not [*check_calls(caller(granted), loader(job_permissions=asked))]


@pytest.mark.parametrize(
    ("granted", "asked", "told"),
    [
        ("permissions: {}", "permissions: {issues: read},", "'issues: read', but is only allowed 'issues: none'"),
        ("permissions: {issues: read}", "permissions: {issues: write},", "'issues: write'"),
        ("permissions: read-all", "permissions: {id-token: write},", "only allowed 'id-token: none'"),
        ("permissions: read-all", "permissions: write-all,", "id-token: write"),
    ],
)
def test_a_called_job_that_asks_for_more_is_an_error_of_the_call(granted: str, asked: str, told: str) -> None:
    [fault] = check_calls(caller(granted), loader(job_permissions=asked))

    assert told in fault.message
    assert fault.span.file == ".github/workflows/a.yml"
    assert fault.span.start.line == 4


def test_a_called_workflow_that_asks_for_more_is_an_error_too() -> None:
    [fault] = check_calls(caller("permissions: read-all"), loader("permissions: {checks: write}"))

    assert f"The workflow '{CALLED}' is requesting 'checks: write'" in fault.message
    assert fault.hint == "grant it: write under `c`, permissions: {checks: write}"


def test_what_the_calling_job_says_counts_for_more_than_its_workflow() -> None:
    asking = loader(job_permissions="permissions: {checks: write},")

    assert [*check_calls(caller("permissions: write-all", "    permissions: {}"), asking)]
    assert not [*check_calls(caller("permissions: {}", "    permissions: write-all"), asking)]


def test_what_the_repository_grants_counts_where_nothing_is_written() -> None:
    asking = loader(job_permissions="permissions: {contents: write},")

    assert not [*check_calls(caller(), asking)]
    assert [*check_calls(caller(), asking, grant=LIMITED_READ)]


def test_a_run_that_would_break_the_rule_is_not_planned() -> None:
    vm_type = VmType("default", "debian-12", 1, 512, 1024)
    setting = Setting(
        labels=LabelTable({"ubuntu-latest": vm_type}, vm_type),
        loader=loader(job_permissions="permissions: {checks: write},"),
    )
    event = event_context("push", {}, Repository())

    with pytest.raises(WorkflowError) as refused:
        plan_run(caller("permissions: read-all"), event, setting)

    assert [each.code for each in refused.value.diagnostics] == ["permission-not-granted"]
