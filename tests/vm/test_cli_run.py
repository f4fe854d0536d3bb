"""`terraphim-runner run` on real VMs, as a user meets it."""

from __future__ import annotations

import json
import signal
import subprocess
from collections.abc import Callable
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pathlib import Path

Start = Callable[..., subprocess.Popen[str]]

pytestmark = pytest.mark.vm

_SERVER = """\
on: push
jobs:
  serve:
    runs-on: ubuntu-latest
    steps:
      - run: |
          (while :; do echo alive > /tmp/pulse; sleep 0.1; done) &
          echo $! > /tmp/pid
      - run: |
          rm -f /tmp/pulse
          while [ ! -e /tmp/pulse ]; do sleep 0.1; done
          kill -0 "$(cat /tmp/pid)" && echo "still there"
  after:
    needs: serve
    runs-on: ubuntu-latest
    steps:
      - run: kill -0 "$(cat /tmp/pid)" || echo "gone with its job"
"""
_SLEEPER = """\
on: push
jobs:
  a:
    runs-on: ubuntu-latest
    steps:
      - run: echo started; sleep 1000
      - if: always()
        run: echo tidied
"""
_QUICK = "on: push\njobs: {a: {runs-on: ubuntu-latest, steps: [run: echo ran]}}\n"


@pytest.fixture
def write(repository: Path) -> Callable[[str], None]:
    """Make the repository's workflow."""

    def write(text: str) -> None:
        (repository / ".github/workflows/ci.yml").write_text(text)

    return write


@pytest.fixture
def left_behind(tmp_path: Path) -> Callable[[], list[str]]:
    """Name what is in slots, beside what stays there, and in scratch."""
    state = tmp_path / "state/terraphim-runner"

    def look() -> list[str]:
        found = [*state.glob("slots/qemu/*/*"), *state.glob("scratch/*"), *state.glob("owners/*")]
        return [str(path) for path in found if path.name not in {"generation", "lock"}]

    return look


def _wait_for(process: subprocess.Popen[str], text: str) -> None:
    assert process.stdout is not None
    while text not in process.stdout.readline():
        assert process.poll() is None


def test_what_a_step_starts_is_there_for_the_next_and_gone_with_the_job(
    start_on_qemu: Start, write: Callable[[str], None], left_behind: Callable[[], list[str]]
) -> None:
    """As on GitHub, where each job has a machine of its own."""
    write(_SERVER)
    with start_on_qemu("run") as process:
        out, err = process.communicate(timeout=120)

    assert (process.returncode, err) == (0, "")
    assert "serve/2 | still there" in out
    assert "after/1 | gone with its job" in out
    assert left_behind() == []


def test_an_interrupt_stops_the_step_tidies_up_and_gives_the_vm_back(
    start_on_qemu: Start, write: Callable[[str], None], left_behind: Callable[[], list[str]]
) -> None:
    """The exit status says so, and the evidence is complete."""
    write(_SLEEPER)
    with start_on_qemu("run") as process:
        _wait_for(process, "| started")
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=60)

    assert (process.returncode, err) == (130, "")
    assert "a/2 | tidied" in out
    assert "ledger: 1 allocation, 1 release" in out
    assert left_behind() == []


def test_a_run_after_one_that_was_killed_gives_its_vm_back(
    start_on_qemu: Start, write: Callable[[str], None], left_behind: Callable[[], list[str]]
) -> None:
    """Nobody has to clean up by hand."""
    write(_SLEEPER)
    with start_on_qemu("run") as process:
        _wait_for(process, "| started")
        process.kill()
    write(_QUICK)
    with start_on_qemu("run") as process:
        out, _ = process.communicate(timeout=60)

    assert process.returncode == 0
    assert "released a VM that an earlier run left" in out
    assert left_behind() == []


def test_an_image_that_was_not_built_is_said_with_the_command_that_builds_it(
    start: Start, write: Callable[[str], None], left_behind: Callable[[], list[str]]
) -> None:
    """In the result, which is the last line."""
    write(_QUICK)
    with start("run", "--provider", "qemu", "--output", "json") as process:
        out, err = process.communicate(timeout=60)
    result = json.loads(out.splitlines()[-1])

    assert process.returncode == 69
    assert (result["event"], result["conclusion"]) == ("run_finished", "failure")
    assert result["hint"] == "terraphim-runner image build debian-12"
    assert err == f"error: {result['error']}\nhint: {result['hint']}\n"
    assert left_behind() == []


_LEAKY = """\
on: push
jobs:
  leak:
    runs-on: ubuntu-latest
    env: {TOKEN: "${{ secrets.TOKEN }}"}
    steps:
      - run: |
          echo "length ${#TOKEN}"
          printf 'hunt'; sync; printf 'er2-and-more\\n'
          printf %s "user:$TOKEN" | base64
          python3 -c 'import json, os; print(json.dumps({"token": os.environ["TOKEN"] + "\\n"}))'
          set -x; : "$TOKEN"; exit 3
"""


def test_p8_a_secret_is_in_no_output_and_in_no_file_of_ours(
    start_on_qemu: Start, write: Callable[[str], None], tmp_path: Path
) -> None:
    """Split over two writes, in base64, in JSON, in the shell's trace; from a variable, asked for by its name."""
    write(_LEAKY)
    with start_on_qemu("run", "--output", "json", "-s", "TOKEN", env={"TOKEN": "hunter2-and-more"}) as process:
        out, err = process.communicate(timeout=120)

    kept = [path.read_bytes() for path in (tmp_path / "state").rglob("*") if path.is_file()]
    told = out + err + b"".join(kept).decode(errors="replace")
    assert process.returncode == 1
    assert "length 16" in out
    assert out.count("***") >= 4
    for form in ("hunter2", "aHVudGVyMi1hbmQtbW9yZ", "h1bnRlcjItYW5kLW1vcm"):
        assert form not in told
