"""Which workflow `run` means."""

from __future__ import annotations

from pathlib import Path

import pytest

from terraphim_runner.cli.workflow_choice import choose_workflow
from terraphim_runner.domain.errors import UsageError, WorkflowError


def _workflow(*events: str) -> str:
    return f"on: [{', '.join(events)}]\njobs:\n  a:\n    runs-on: x\n    steps: [run: a]\n"


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """A repository with two workflows, in a directory that is not its root."""
    workflows = tmp_path / "repository" / ".github" / "workflows"
    workflows.mkdir(parents=True)
    (workflows / "ci.yml").write_text(_workflow("push", "pull_request"))
    (workflows / "release.yaml").write_text(_workflow("release", "pull_request"))
    (tmp_path / "repository" / "src").mkdir()
    return tmp_path / "repository"


def test_the_only_listener_is_meant_wherever_one_stands(repository: Path) -> None:
    """No name is needed."""
    chosen = choose_workflow(None, "push", repository / "src")

    assert (chosen.repository, chosen.name) == (repository, ".github/workflows/ci.yml")
    assert chosen.text == _workflow("push", "pull_request")


@pytest.mark.parametrize("event", ["pull_request", "schedule"])
def test_several_or_no_listeners_are_listed_with_their_events(repository: Path, event: str) -> None:
    """The user can copy a name from the message."""
    with pytest.raises(UsageError) as raised:
        choose_workflow(None, event, repository)

    assert ".github/workflows/ci.yml  (push, pull_request)" in str(raised.value)
    assert ".github/workflows/release.yaml  (release, pull_request)" in str(raised.value)


@pytest.mark.parametrize("name", [".github/workflows/release.yaml", "release.yaml", "release"])
def test_a_workflow_can_be_named_by_path_or_shortly(repository: Path, name: str) -> None:
    """From a terminal's completion, or from memory."""
    assert choose_workflow(Path(name), "push", repository).name == ".github/workflows/release.yaml"


def test_a_path_counts_from_where_one_stands(repository: Path) -> None:
    """As with every other program."""
    chosen = choose_workflow(Path("../.github/workflows/ci.yml"), "push", repository / "src")

    assert (chosen.repository, chosen.name) == (repository, ".github/workflows/ci.yml")


def test_a_file_outside_any_repository_can_be_run(tmp_path: Path) -> None:
    """Its directory stands for the repository."""
    (tmp_path / "alone.yml").write_text(_workflow("push"))

    chosen = choose_workflow(tmp_path / "alone.yml", "push", Path("/"))

    assert (chosen.repository, chosen.name) == (tmp_path, "alone.yml")


def test_a_name_that_is_none_lists_those_that_are(repository: Path) -> None:
    """A typo is mended from the message."""
    with pytest.raises(UsageError, match="there is no file nightly") as raised:
        choose_workflow(Path("nightly"), "push", repository)

    assert raised.value.hint == "workflows here: ci.yml, release.yaml"


def test_a_directory_without_workflows_says_so(tmp_path: Path) -> None:
    """With what to do."""
    with pytest.raises(UsageError, match=r"there is no \.github/workflows"):
        choose_workflow(None, "push", tmp_path)


def test_the_faults_of_a_lonely_workflow_are_shown_instead(repository: Path) -> None:
    """Saying that nothing listens would hide the reason."""
    (repository / ".github/workflows/release.yaml").unlink()
    (repository / ".github/workflows/ci.yml").write_text("on: push\njobs: 3\n")

    assert choose_workflow(None, "push", repository).text == "on: push\njobs: 3\n"


def test_a_workflow_with_faults_is_listed_as_such(repository: Path) -> None:
    """It may be the one that was meant."""
    (repository / ".github/workflows/ci.yml").write_text("on: push\njobs: 3\n")

    with pytest.raises(UsageError, match=r"ci\.yml  \(has faults: terraphim-runner validate\)"):
        choose_workflow(None, "push", repository)


def test_a_file_that_is_no_text_is_the_authors_fault(repository: Path) -> None:
    """With its place."""
    (repository / ".github/workflows/ci.yml").write_bytes(b"on: push\nname: \xff\n")

    with pytest.raises(WorkflowError, match=r"ci\.yml:2:7: The file is not UTF-8"):
        choose_workflow(Path("ci"), "push", repository)


@pytest.mark.parametrize("name", [".github", ".", ""])
def test_a_directory_is_no_workflow(repository: Path, name: str) -> None:
    """With what to do instead."""
    with pytest.raises(UsageError, match="is a directory") as raised:
        choose_workflow(Path(name), "push", repository)

    assert raised.value.hint


def test_a_name_that_is_none_outside_a_repository_says_where_one_stands(tmp_path: Path) -> None:
    """There is nothing to list."""
    with pytest.raises(UsageError, match="there is no file nightly") as raised:
        choose_workflow(Path("nightly"), "push", tmp_path)

    assert "there is no .github/workflows here" in str(raised.value.hint)
