"""The faults of files, and of those they call."""

from __future__ import annotations

from pathlib import Path

import pytest
from typer import Exit

from terraphim_runner.cli.source_file import read_source
from terraphim_runner.cli.validate import validate
from terraphim_runner.cli.validation import validate_source

_CALLER = "on: push\njobs:\n  c: {uses: ./.github/workflows/b.yml, with: {x: abc}}\n"
_CALLED = """\
on:
  workflow_call: {inputs: {x: {type: number}}}
jobs:
  a: {runs-on: x, steps: [{ran: x}]}
"""


@pytest.fixture
def repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A repository with a workflow that calls a faulty one; the user stands in it."""
    workflows = tmp_path / ".github/workflows"
    workflows.mkdir(parents=True)
    (workflows / "ci.yml").write_text(_CALLER)
    (workflows / "b.yml").write_text(_CALLED)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def places(name: str) -> set[tuple[str, int]]:
    return {(each.span.file, each.span.start.line) for each in validate_source(read_source(Path(name)))}


def test_a_fault_of_a_called_workflow_is_shown_at_its_file(
    repository: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By the way that leads to it from where the user stands."""
    assert places(".github/workflows/ci.yml") == {(".github/workflows/b.yml", 4)}
    assert places(f"{repository}/.github/workflows/ci.yml") == {(f"{repository}/.github/workflows/b.yml", 4)}
    monkeypatch.chdir(repository / ".github/workflows")
    assert places("ci.yml") == {(f"{repository}/.github/workflows/b.yml", 4)}


def test_a_fault_is_told_once_however_many_call_the_file(
    repository: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (repository / ".github/workflows/other.yml").write_text(_CALLER)
    with pytest.raises(Exit):
        validate([Path(".github/workflows/ci.yml"), Path(".github/workflows/other.yml")])
    told = capsys.readouterr().out

    assert told.count("Unexpected value 'ran'") == 1
    assert "steps: [{ran: x}]}" in told  # its text, though no argument named it
