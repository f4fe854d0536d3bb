"""The needs graph in three forms."""

from __future__ import annotations

from terraphim_runner.cli.graph import GraphFormat, render_graph
from terraphim_runner.workflow.reader import read_workflow

TEXT = """on: push
jobs:
  end: {needs: [Test, lint], runs-on: x, steps: [{run: x}]}
  test: {needs: build, runs-on: x, steps: [{run: x}]}
  lint: {runs-on: x, steps: [{run: x}]}
  build: {runs-on: x, steps: [{run: x}]}
"""
WORKFLOW = read_workflow(TEXT, "ci.yml").workflow


def lines(output: GraphFormat) -> list[str]:
    assert WORKFLOW is not None
    return list(render_graph(WORKFLOW, output))


def test_text_shows_stages_and_needs() -> None:
    assert lines(GraphFormat.TEXT) == [
        "1  lint",
        "1  build",
        "2  test   needs build",
        "3  end    needs Test, lint",
    ]


def test_mermaid_has_a_node_for_each_job_and_an_arrow_for_each_need() -> None:
    assert lines(GraphFormat.MERMAID) == [
        "flowchart LR",
        '    j1["end"]',
        '    j2["test"]',
        '    j3["lint"]',
        '    j4["build"]',
        "    j2 --> j1",
        "    j3 --> j1",
        "    j4 --> j2",
    ]


def test_dot_names_jobs_as_they_are_declared() -> None:
    assert '    "test" -> "end";' in lines(GraphFormat.DOT)
    assert lines(GraphFormat.DOT)[0] == "digraph needs {"
    assert lines(GraphFormat.DOT)[-1] == "}"
