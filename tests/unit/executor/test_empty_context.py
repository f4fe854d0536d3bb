"""What a plan takes from GitHub's settings."""

from __future__ import annotations

import pytest

from terraphim_runner.domain.vm_type import VmType
from terraphim_runner.executor.empty_context import empty_references
from terraphim_runner.workflow.event_context import EventContext
from terraphim_runner.workflow.machine import LabelTable
from terraphim_runner.workflow.plan import Setting, plan_run
from terraphim_runner.workflow.reader import read_workflow

_VM_TYPE = VmType(name="default", image="none", cpus=1, memory_mib=64, disk_mib=64)
_EVENT = EventContext(name="push", ref="refs/heads/main", sha="1" * 40, repository="octo/hello")
_WORKFLOW = """\
on: push
env: {TOKEN: "${{ secrets.TOKEN }}"}
jobs:
  used:
    runs-on: ubuntu-latest
    steps:
      - run: echo ${{ vars.name }} ${{ github.token }} ${{ secrets['TOKEN'] }}
      - if: vars.DEPLOY == 'yes'
        run: "true"
  unused:
    runs-on: ubuntu-latest
    steps: [{run: "echo ${{ secrets.OTHER }}"}]
"""


@pytest.mark.parametrize(
    ("secrets", "variables", "expected"),
    [
        ({}, {}, {"secrets.TOKEN": 2, "vars.name": 7, "github.token": 7, "vars.DEPLOY": 8}),
        ({"TOKEN": ""}, {"NAME": "x"}, {"github.token": 7, "vars.DEPLOY": 8}),
        ({"TOKEN": "x", "GITHUB_TOKEN": "x"}, {"NAME": "x", "DEPLOY": "x"}, {}),
    ],
)
def test_secrets_and_variables_that_nobody_gave_are_named_with_their_first_line(
    secrets: dict[str, str], variables: dict[str, str], expected: dict[str, int]
) -> None:
    """Only those of jobs that are part of the run, once each; the token is a secret by another name."""
    read = read_workflow(_WORKFLOW, "ci.yml")
    assert read.workflow is not None
    setting = Setting(labels=LabelTable({"ubuntu-latest": _VM_TYPE}, _VM_TYPE))

    plan = plan_run(read.workflow, _EVENT, setting, job_id="used")

    assert empty_references(plan, {"secrets": secrets, "vars": variables}) == expected
