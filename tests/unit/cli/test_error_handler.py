"""From errors to messages and exit statuses."""

from __future__ import annotations

import errno
import os
import sys
from typing import TYPE_CHECKING

import pytest
import typer

from terraphim_runner.cli.error_handler import exit_code_of
from terraphim_runner.domain import errors
from terraphim_runner.domain.diagnostic import Diagnostic, Position, Severity, Span

if TYPE_CHECKING:
    from pathlib import Path


def _raise(error: BaseException) -> None:
    raise error


def _outcome(error: BaseException, capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str]:
    code = exit_code_of(lambda: _raise(error), arguments)
    return code, capsys.readouterr().err


@pytest.fixture
def state_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where reports of bugs go."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    return tmp_path / "terraphim-runner" / "bugs"


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (errors.UsageError("what", hint="do this"), 64),
        (errors.HostDiskFull("what", hint="do this"), 69),
        (errors.MachineLost("what", hint="do this"), 69),
        (errors.SessionRefused("what", hint="do this"), 75),
        (errors.CommandNotStarted("what", hint="do this"), 1),
    ],
)
def test_an_error_of_ours_is_its_message_and_hint(
    error: errors.RunnerError, code: int, capsys: pytest.CaptureFixture[str]
) -> None:
    """And nothing more: no traceback."""
    assert _outcome(error, capsys) == (code, "error: what\nhint: do this\n")


def test_an_error_out_of_task_groups_is_the_same(capsys: pytest.CaptureFixture[str]) -> None:
    """What wraps it is the machinery's business."""
    group = ExceptionGroup("a", [ExceptionGroup("b", [errors.HostError("what")])])

    assert _outcome(group, capsys) == (69, "error: what\n")


def test_a_message_steers_no_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    """It may hold what a guest or a file said."""
    assert _outcome(errors.GuestError("it said \x1b]0;evil\x07boo"), capsys)[1] == "error: it said boo\n"


def test_faults_of_a_workflow_are_shown_with_their_places(capsys: pytest.CaptureFixture[str]) -> None:
    """All of them."""
    places = [Span("ci.yml", Position(line, 3), Position(line, 5)) for line in (2, 7)]
    faults = [Diagnostic(span, Severity.ERROR, "some-code", "this is wrong", "try that") for span in places]

    code, text = _outcome(errors.WorkflowError(faults), capsys)

    assert code == 2
    assert "ci.yml:2:3" in text
    assert "ci.yml:7:3" in text
    assert "try that" in text


@pytest.mark.parametrize("number", [errno.EACCES, errno.EROFS, errno.ENOSPC, errno.EMFILE])
def test_what_the_machine_refuses_is_no_bug(number: int, capsys: pytest.CaptureFixture[str]) -> None:
    """The file is named, and what can be done about it."""
    code, text = _outcome(ExceptionGroup("a", [OSError(number, os.strerror(number), "/data/file")]), capsys)

    assert code == 69
    assert text.startswith(f"error: cannot use /data/file: {os.strerror(number)}\nhint: ")
    assert len(text.splitlines()) == 2


def test_output_that_finds_no_room_is_no_bug(capsys: pytest.CaptureFixture[str]) -> None:
    """As with `> log` on a full disk."""
    code, text = _outcome(OSError(errno.ENOSPC, "No space left on device"), capsys)

    assert code == 69
    assert text.startswith("error: cannot write the output: No space left on device\nhint: ")


def test_an_excerpt_comes_from_the_text_that_was_read(capsys: pytest.CaptureFixture[str]) -> None:
    """The name is relative to the repository, which is not always where the user stands."""
    place = Span("pyproject.toml", Position(1, 1), Position(1, 2))
    fault = Diagnostic(place, Severity.ERROR, "some-code", "this is wrong")

    text = _outcome(errors.WorkflowError([fault], texts={"pyproject.toml": "on: oops"}), capsys)[1]

    assert "1 | on: oops" in text
    assert "1 error in 1 of 1 file" in text


def test_a_bug_is_reported_in_a_file_without_secrets(state_home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The user gets one line and a path; the file has the traceback, and no value of --env."""
    code, text = _outcome(ValueError("odd"), capsys, "run", "--env", "TOKEN=a-secret", "--job=x")
    [report] = state_home.iterdir()

    assert code == 70
    assert text.splitlines() == [
        "error: this is a bug in terraphim-runner: ValueError: odd",
        f"hint: please report it with the file {report}",
    ]
    assert "in _raise" in report.read_text()
    assert "TOKEN=…" in report.read_text()
    assert "a-secret" not in report.read_text()


@pytest.mark.usefixtures("state_home")
def test_a_bug_beside_an_expected_error_is_not_hidden(capsys: pytest.CaptureFixture[str]) -> None:
    """The expected one may be its consequence."""
    group = ExceptionGroup("a", [errors.MachineLost(), TypeError("odd")])

    assert _outcome(group, capsys)[0] == 70


@pytest.mark.usefixtures("state_home")
def test_a_call_in_the_wrong_state_is_a_bug(capsys: pytest.CaptureFixture[str]) -> None:
    """It is ours, not the user's."""
    assert "this is a bug" in _outcome(errors.StateError(), capsys)[1]


@pytest.mark.parametrize("error", [KeyboardInterrupt(), typer.Abort()])
def test_an_interrupt_is_quiet(error: BaseException, capsys: pytest.CaptureFixture[str]) -> None:
    """The user knows what they did."""
    assert _outcome(error, capsys) == (130, "")


def test_a_fault_of_the_command_line_is_the_users(capsys: pytest.CaptureFixture[str]) -> None:
    """With the command that explains it."""
    code, text = _outcome(typer.BadParameter("no"), capsys)

    assert code == 64
    assert "hint: terraphim-runner --help" in text


@pytest.mark.parametrize(("value", "code"), [(None, 0), (0, 0), (3, 3)])
def test_what_a_command_returns_is_the_exit_status(value: int | None, code: int) -> None:
    """Nothing is success."""
    assert exit_code_of(lambda: value, []) == code


def test_standard_error_that_is_closed_is_no_further_error(monkeypatch: pytest.MonkeyPatch) -> None:
    """The exit status says it."""

    class _Closed:
        def write(self, _: str) -> int:
            raise OSError

        def isatty(self) -> bool:
            return False

    monkeypatch.setattr(sys, "stderr", _Closed())

    assert exit_code_of(lambda: _raise(errors.UsageError("what")), []) == 64
