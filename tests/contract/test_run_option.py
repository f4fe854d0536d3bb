"""What users give a run, from the command line to the steps, on the provider `process`."""

from __future__ import annotations

import base64
import json
import os
import pty
import signal
import subprocess
from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pathlib import Path

Start = Callable[..., subprocess.Popen[str]]
Write = Callable[[str], None]

_SECRET = 'hunter2&"x"'
_WORKFLOW = """\
on:
  push:
  pull_request:
  workflow_dispatch:
    inputs:
      count: {type: number, default: 1}
      loud: {type: boolean, required: true}
jobs:
  show:
    name: show ${{ vars.WHO }}
    runs-on: ${{ vars.LABEL || 'ubuntu-latest' }}
    env:
      GH: ${{ github.token }}
      TOKEN: ${{ secrets.TOKEN }}
      KEY: ${{ secrets.KEY }}
    steps:
      - name: with ${{ secrets.TOKEN }}
        run: |
          printf '%s\\n' "$TOKEN" "$KEY" "who=$WHO"
          printf '%s' "user:$TOKEN" | base64
          printf '%s' "${TOKEN%??}"; printf '%s\\n' "${TOKEN#?????????}"
          echo "summary $TOKEN" >> "$GITHUB_STEP_SUMMARY"
          [ -z "$TOKEN" ] || echo "length=${#TOKEN}"
          [ "$GH" = "${{ secrets.GITHUB_TOKEN }}" ] && echo "same token"
          echo "token=${{ github.token == secrets.GITHUB_TOKEN && github.token != '' }}"
          echo "inputs=${{ toJSON(inputs.count) }} ${{ toJSON(inputs.loud) }} ${{ github.event.inputs.count }}"
          exit ${STATUS:-0}
"""


@pytest.fixture
def write(repository: Path) -> Callable[[str], None]:
    """Make the repository's workflow."""

    def write(text: str) -> None:
        (repository / ".github/workflows/ci.yml").write_text(text)

    write(_WORKFLOW)
    return write


@pytest.fixture
def finish(start: Start, write: Callable[[str], None]) -> Callable[..., tuple[int, str, str]]:
    """Run to the end; give status, output and complaints."""

    def finish(*arguments: str, **options: object) -> tuple[int, str, str]:
        with start(*arguments, **options) as process:
            out, err = process.communicate(timeout=120)
        return process.returncode, out, err

    return finish


def _kept(root: Path) -> bytes:
    """Give all that a run left in files of its own."""
    places = [root / "state", root / "data", root / "cache", root / "config"]
    return b"".join(path.read_bytes() for place in places for path in place.rglob("*") if path.is_file())


@pytest.mark.parametrize("output", ["plain", "json"])
def test_p8_secrets_reach_the_steps_and_nothing_else(
    finish: Callable[..., tuple[int, str, str]], repository: Path, tmp_path: Path, output: str
) -> None:
    """Plain, in base64, in two writes, in a name, a summary, on several lines; from a flag or a file."""
    (repository / ".secrets").write_text("KEY='first line\nsecond line'\n")
    arguments = (
        "run",
        "push",
        "--output",
        output,
        "-s",
        "TOKEN",
        "--secret-file",
        ".secrets",
        "-s",
        "GITHUB_TOKEN=gh-1",
    )

    status, out, err = finish(*arguments, "--var", "who=me", "--env", "WHO=you", env={"TOKEN": _SECRET})

    assert (status, err) == (0, "")
    for expected in ("length=11", "who=you", "show me", "token=true", "same token", "with ***", "summary ***"):
        assert expected in out
    encoded = base64.b64encode(_SECRET.encode()).decode()
    told = out + _kept(tmp_path).decode(errors="replace")
    for secret in (
        _SECRET,
        json.dumps(_SECRET)[1:-1],
        "hunter2",
        encoded[:10],
        "first line",
        "second line",
        "gh-1",
    ):
        assert secret not in told


def test_p8_what_goes_wrong_shows_no_secret_either(finish: Callable[..., tuple[int, str, str]]) -> None:
    """A label that is made of a variable, which has the value of a secret."""
    status, out, err = finish("run", "push", "-s", "TOKEN=hunter2", "--var", "LABEL=hunter2")

    assert status == 2
    assert "***" in err
    assert "hunter2" not in out + err


def test_p8_a_dry_run_shows_no_secret(finish: Callable[..., tuple[int, str, str]]) -> None:
    """In words and as JSON."""
    for output in ("plain", "json"):
        status, out, err = finish("run", "push", "-n", "-o", output, "-s", "TOKEN=hunter2", "--var", "WHO=hunter2")

        assert (status, "show ***" in out) == (0, True)
        assert "hunter2" not in out + err


def test_p8_a_pull_request_of_a_fork_gets_no_secrets(
    finish: Callable[..., tuple[int, str, str]], tmp_path: Path
) -> None:
    """And no token; it is said."""
    repositories = {"head": {"repo": {"full_name": "stranger/x"}}, "base": {"repo": {"full_name": "octo/x"}}}
    (tmp_path / "event.json").write_text(json.dumps({"number": 1, "pull_request": repositories}))
    given = ("-s", "TOKEN=hunter2", "-s", "GITHUB_TOKEN=gh-1")

    status, out, _ = finish("run", "pull_request", "-e", str(tmp_path / "event.json"), *given)

    assert status == 0
    assert "a pull request of a fork: the run gets no secrets" in out
    assert "token=false" in out
    assert "length=" not in out


def test_inputs_have_their_types_and_their_defaults(finish: Callable[..., tuple[int, str, str]]) -> None:
    """In the payload they are text."""
    _, out, _ = finish("run", "--input", "loud=true")
    assert "inputs=1 true 1" in out

    status, _, err = finish("run", "--input", "loud=maybe", "--input", "cuont=2")
    assert status == 2
    assert "did you mean `count`?" in err
    assert "must be one of: true, false" in err


def test_what_only_github_can_know_is_null(finish: Callable[..., tuple[int, str, str]], write: Write) -> None:
    """Not the text of an expression, and no made-up value."""
    names = ["job.check_run_id", "job.container.id", "job.services.db.id"]
    script = "; ".join(f"echo {name}=${{{{ toJSON({name}) }}}}" for name in names)
    write(f"on: push\njobs: {{a: {{runs-on: ubuntu-latest, steps: [{{run: '{script}'}}]}}}}\n")

    _, out, _ = finish("run")

    assert [f"{name}=null" in out for name in names] == [True] * len(names)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--input", "loud=true", "--event", "push"), "there is nothing to give inputs to"),
        (("--matrix", "os:linux"), "--matrix os: no matrix has this key"),
        (("--secret", "GITHUB_SHA=1"), "cannot be the name of a secret"),
        (("--secret", "NOT_HERE"), "--secret NOT_HERE: the variable is not set here"),
        (("--secret-file", "none"), "cannot read none: No such file or directory"),
        (("--env-file", ".github/workflows/ci.yml"), "ci.yml:1: this is no NAME=VALUE"),
        (("--event-file", ".github/workflows/ci.yml"), "is not JSON"),
        (("push", "--event", "issues"), "there are two events"),
    ],
)
def test_a_wrong_value_is_one_clear_message(
    finish: Callable[..., tuple[int, str, str]], arguments: tuple[str, ...], message: str
) -> None:
    """With the status of wrong usage."""
    status, out, err = finish("run", *arguments)

    assert (status, out) == (64, "")
    assert message in err
    assert err.count("error:") == 1


def test_the_list_says_what_the_event_would_run(finish: Callable[..., tuple[int, str, str]]) -> None:
    """As `act -l` has it."""
    status, out, _ = finish("run", "-l", "issues")

    assert status == 0
    assert out.startswith("skips  .github/workflows/ci.yml")


def test_a_secret_is_asked_for_at_a_terminal_without_being_shown(
    start: Start, write: Callable[[str], None]
) -> None:
    """Nothing that is typed comes back."""
    controller, terminal = pty.openpty()
    with start("run", "push", "-s", "TOKEN", stdin=terminal) as process:
        assert process.stderr is not None
        assert "secret TOKEN: " in process.stderr.read(14)
        os.write(controller, b"hunter2\n")
        out, err = process.communicate(timeout=60)
    os.close(terminal)
    echoed = _read_all(controller)
    os.close(controller)

    assert "length=7" in out
    assert "hunter2" not in out + err + echoed


def _read_all(descriptor: int) -> str:
    data = b""
    with suppress(OSError):  # the other end is closed
        while chunk := os.read(descriptor, 1000):
            data += chunk
    return data.decode()


def test_a_watched_workflow_runs_again_after_a_change(
    start: Start, write: Callable[[str], None], repository: Path
) -> None:
    """Of what git does not ignore; faults are said and can be mended; an interrupt ends it."""
    step = "on: push\njobs: {a: {runs-on: ubuntu-latest, steps: [{run: 'echo ran-%s'}]}}\n"
    (repository / ".gitignore").write_text("ignored\n")
    write(step % "first")
    with start("run", "--watch", stderr=subprocess.STDOUT) as process:
        _wait_for(process, "| ran-first")
        _wait_for(process, "watching for changes")
        (repository / "ignored").write_text("no reason to run")
        write("on: [push\n")
        _wait_for(process, "error")
        _wait_for(process, "watching for changes")
        write(step % "second")
        _wait_for(process, "| ran-second")
        _wait_for(process, "watching for changes")
        process.send_signal(signal.SIGINT)
        out, _ = process.communicate(timeout=60)

    assert process.returncode == 130
    assert "ran" not in out


def _wait_for(process: subprocess.Popen[str], text: str) -> None:
    assert process.stdout is not None
    while text not in (line := process.stdout.readline()):
        assert line or process.poll() is None, text
