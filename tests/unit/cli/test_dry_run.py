"""A plan on paper."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from terraphim_runner.cli.dry_run import dry_run_data, render_dry_run
from terraphim_runner.domain.vm_type import VmType
from terraphim_runner.workflow.call import WorkflowLoader
from terraphim_runner.workflow.event_context import EventContext
from terraphim_runner.workflow.machine import LabelTable
from terraphim_runner.workflow.plan import Setting, plan_run
from terraphim_runner.workflow.reader import read_workflow

if TYPE_CHECKING:
    from terraphim_runner.workflow.run_plan import RunPlan

TEXT = """name: CI
on: push
concurrency: {group: ci, cancel-in-progress: true}
jobs:
  build:
    runs-on: ubuntu-latest
    steps:
      - uses: actions/checkout@v4
      - run: make
        if: always()
      - parallel: [{run: a}, {run: b}]
  test:
    needs: build
    if: github.ref == 'x'
    strategy: {matrix: {os: [ubuntu-latest, windows-latest]}}
    runs-on: ${{ matrix.os }}
    steps: [{run: make test}]
  late:
    needs: [build, test]
    strategy: {matrix: '${{ fromJSON(needs.build.outputs.m) }}'}
    runs-on: ubuntu-latest
    steps: [{name: 'Do ${{ matrix.x }}', run: x}]
  call:
    uses: ./.github/workflows/called.yml
"""
CALLED = "on: workflow_call\njobs: {inner: {runs-on: ubuntu-latest, steps: [{run: y}]}}"
SMALL = VmType("default", "debian-12", 2, 2048, 8192)


def plan() -> RunPlan:
    workflow = read_workflow(TEXT, ".github/workflows/ci.yml").workflow
    assert workflow is not None
    loader = WorkflowLoader({".github/workflows/called.yml": CALLED}.get)
    setting = Setting(labels=LabelTable({"ubuntu-latest": SMALL}, SMALL), loader=loader, skip_unserved=True)
    return plan_run(workflow, EventContext(name="push", ref="refs/heads/main"), setting)


def test_the_plan_in_lines() -> None:
    expected = """CI  (.github/workflows/ci.yml on push)
  VM: default (image debian-12, 2 CPUs, 2048 MiB memory, 8192 MiB disk)
  concurrency: ci, cancels the one in progress

build
  runs on ubuntu-latest (VM type default)
   1. Run actions/checkout@v4
   2. Run make  if always()
   3. Run a  in the background
   4. Run b  in the background
   5. Run 2 steps in parallel

test (ubuntu-latest)  needs build  if success() && (github.ref == 'x')
  runs on ubuntu-latest (VM type default)
   1. Run make test
test (windows-latest)  needs build  if success() && (github.ref == 'x')
  runs on windows-latest: skipped, No VM type serves the label 'windows-latest'
   1. Run make test

late  needs build, test
  its legs are known when build and test ended
   1. Do ${{ matrix.x }}

call
  calls .github/workflows/called.yml
    call / inner
      runs on ubuntu-latest (VM type default)
       1. Run y"""

    assert "\n".join(render_dry_run(plan())) == expected


def test_the_plan_as_data() -> None:
    data = dry_run_data(plan())
    build, test, late, call = data["jobs"]

    assert json.loads(json.dumps(data)) == data
    assert data["vm"]["type"] == "default"
    assert build["legs"][0]["steps"][1] == {"number": 2, "id": "__run", "name": "Run make", "if": "always()"}
    assert [leg["matrix"] for leg in test["legs"]] == [{"os": "ubuntu-latest"}, {"os": "windows-latest"}]
    assert [leg["vm_type"] for leg in test["legs"]] == ["default", None]
    assert (late["is_late"], late["legs"]) == (True, [])
    assert call["legs"][0]["jobs"][0]["key"] == "call / inner"
