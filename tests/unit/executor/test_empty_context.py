"""What a plan takes from GitHub's settings."""

from __future__ import annotations

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
      - run: echo ${{ vars.NAME }} ${{ github.token }} ${{ secrets['TOKEN'] }}
      - if: vars.DEPLOY == 'yes'
        run: "true"
  unused:
    runs-on: ubuntu-latest
    steps: [{run: "echo ${{ secrets.OTHER }}"}]
"""


def test_secrets_and_variables_are_named_with_their_first_line() -> None:
    """Only those of jobs that are part of the run, once each."""
    read = read_workflow(_WORKFLOW, "ci.yml")
    assert read.workflow is not None

    plan = plan_run(
        read.workflow, _EVENT, Setting(labels=LabelTable({"ubuntu-latest": _VM_TYPE}, _VM_TYPE)), job_id="used"
    )

    assert empty_references(plan) == {"secrets.TOKEN": 2, "vars.NAME": 7, "vars.DEPLOY": 8}
