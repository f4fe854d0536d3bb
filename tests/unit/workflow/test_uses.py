"""What `uses` may name."""

from __future__ import annotations

import pytest

from terraphim_runner.workflow.uses import action_fault, workflow_fault


@pytest.mark.parametrize(
    "uses", ["actions/checkout@v4", "a/b/c/d@main", "docker://alpine", "./x", ".\\x", "$/x", "a/b@feature/x"]
)
def test_an_action_is_taken(uses: str) -> None:
    assert action_fault(uses) is None


@pytest.mark.parametrize(
    "uses",
    [
        "actions/checkout",
        "checkout@v4",
        "a/b@",
        "a/b@c@d",
        "...docker://x",
        "a/b/.github/workflows/c.yml@v1",
        "a/b/.github/workflows@v1",
        "a//b@v1",
        "/a/b@v1",
        "https://github.com/a/b@v1",
    ],
)
def test_what_is_no_action_is_refused(uses: str) -> None:
    assert action_fault(uses) is not None


@pytest.mark.parametrize(
    "uses",
    [
        "./.github/workflows/a.yml",
        "$/.github/workflows/a.yaml",
        "o/r/.github/workflows/a.yml@v1",
        "o/r/.github/workflows-lab/a.yml@feature/x",
        "my.org_-/r/.github/workflows/a.yml@a.locked/b.c",
    ],
)
def test_a_workflow_is_taken(uses: str) -> None:
    assert workflow_fault(uses) is None


@pytest.mark.parametrize(
    ("uses", "reason"),
    [
        ("./workflows/a.yml", "rooted in"),
        ("./.github/workflows/a.yml@v1", "cannot specify version"),
        ("./.github/workflows/x/a.yml", "top level"),
        ("./.github/workflows/a.exe", "file extension"),
        ("./.github/workflows/.yml", "invalid workflow file name"),
        ("o/r/.github/workflows/a.yml", "no version"),
        ("o/r/.github/workflows/a.yml@", "no version"),
        ("o/r/.github/workflows/a.yml@a@b", "too many"),
        ("o/r/a.yml@v1", "rooted in"),
        ("r/.github/workflows/a.yml@v1", "prefixed"),
        ("o!/r/.github/workflows/a.yml@v1", "owner"),
        ("o/r!/.github/workflows/a.yml@v1", "repository"),
        ("o/r/.github/workflows/a.yml@v1.", "slash '/' or a dot"),
        ("o/r/.github/workflows/a.yml@v 1", "whitespace"),
        ("o/r/.github/workflows/a.yml@v1.lock", "invalid version: v1.lock"),
        ("o/r/.github/workflows/a.yml@a.lock/b", "invalid version"),
        ("o/r/.github/workflows/a.yml@a/.b", "invalid version"),
        ("o/r/.github/workflows/a.yml@v^1", "invalid character '^'"),
    ],
)
def test_what_is_no_workflow_is_refused_with_the_reason(uses: str, reason: str) -> None:
    fault = workflow_fault(uses)

    assert fault is not None
    assert reason in fault
