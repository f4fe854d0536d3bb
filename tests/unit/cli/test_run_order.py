"""Options of `run`, and the workflow and event they mean."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from terraphim_runner.cli.run_order import RunOrder, parse_matrix
from terraphim_runner.domain.errors import UsageError
from terraphim_runner.workflow.matrix_choice import MatrixChoice

_JOBS = "jobs: {a: {runs-on: ubuntu-latest, steps: [run: echo]}}\n"


@pytest.fixture(autouse=True)
def _in_a_repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    workflows = tmp_path / ".github/workflows"
    workflows.mkdir(parents=True)
    (workflows / "ci.yml").write_text(f"on: push\n{_JOBS}")
    (workflows / "check.yml").write_text(f"on: pull_request\n{_JOBS}")
    (workflows / "hand.yml").write_text(f"on: workflow_dispatch\n{_JOBS}")
    (workflows / "release.yml").write_text(f"on: [push, release]\n{_JOBS}")
    (tmp_path / "more").mkdir()
    (tmp_path / "more/other.yml").write_text(f"on: push\n{_JOBS}")
    (tmp_path / "pull_request").mkdir()
    monkeypatch.chdir(tmp_path)


def _order(**options: Any) -> RunOrder:
    nothing: dict[str, Any] = {key: {} for key in ("payload", "secrets", "variables", "inputs", "env")}
    nothing["actions"] = ()
    nothing |= dict.fromkeys(("workflow", "workflows", "event", "job", "vm_type"))
    return RunOrder(**(nothing | {"matrix": MatrixChoice()} | options))


@pytest.mark.parametrize(
    ("options", "file", "event"),
    [
        ({"workflow": "ci"}, "ci.yml", "push"),
        ({"workflow": "pull_request"}, "check.yml", "pull_request"),  # as act has it; a directory is no workflow
        ({"event": "pull_request"}, "check.yml", "pull_request"),
        ({"workflow": "workflow_dispatch", "event": "workflow_dispatch"}, "hand.yml", "workflow_dispatch"),
        ({"inputs": {"a": "1"}}, "hand.yml", "workflow_dispatch"),
        ({"workflow": "release"}, "release.yml", "push"),  # a workflow's name before an event's
        ({"workflow": "release", "event": "release"}, "release.yml", "release"),
        ({"workflows": Path(".github/workflows/ci.yml")}, "ci.yml", "push"),
        ({"workflow": "push", "workflows": Path("more")}, "other.yml", "push"),
        ({"workflows": Path("more")}, "other.yml", "push"),
    ],
)
def test_the_workflow_and_the_event_are_found(options: dict[str, Any], file: str, event: str) -> None:
    run = _order(**options).local_run()

    assert (Path(run.file).name, run.event_name) == (file, event)
    assert run.directory == Path.cwd()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"workflow": "pull_request", "event": "push"}, "there are two events: pull_request and --event push"),
        ({"workflow": "ci", "workflows": Path("more")}, "there are two workflows: ci and --workflows more"),
        ({"workflow": "pull_requst"}, "there is no file pull_requst"),
        ({"event": "issues"}, "listens to 'issues'"),
        ({"workflows": Path("none")}, "there is no file none"),
    ],
)
def test_what_is_not_clear_is_said(options: dict[str, Any], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        _order(**options).local_run()


def test_matrix_values_are_collected_by_key() -> None:
    """A value may have colons."""
    assert parse_matrix(["os:linux", "os:mac", "image:a:b"]) == {"os": ("linux", "mac"), "image": ("a:b",)}


@pytest.mark.parametrize("choice", ["os", ":linux", "os=linux"])
def test_what_is_no_matrix_value_is_said(choice: str) -> None:
    with pytest.raises(UsageError, match="this is no KEY:VALUE"):
        parse_matrix([choice])
