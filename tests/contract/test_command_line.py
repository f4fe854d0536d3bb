"""Runs from the command line, as processes, on the provider `process`: what users and scripts see."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

_PROGRAM = "from terraphim_runner.cli.app import main; main()"
_WORKFLOW = """\
name: CI
on: {event}
jobs:
  test:
    runs-on: {label}
    steps:
      - uses: actions/checkout@v4
      - name: Act
        run: {script}
"""


class CommandLine:
    """A repository, a home of its own, and the program."""

    def __init__(self, root: Path) -> None:
        self.repository = root / "repository"
        self.state = root / "state" / "terraphim-runner"
        (self.repository / ".github/workflows").mkdir(parents=True)
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("TERRAPHIM_", "GIT_"))}
        homes = {f"XDG_{kind.upper()}_HOME": str(root / kind) for kind in ("state", "data", "config", "cache")}
        self.environ = kept | homes | {"HOME": str(root), "TERRAPHIM_PROVIDER": "process"}
        self.git("init", "--quiet", "--initial-branch=main")

    def git(self, *arguments: str) -> None:
        identity = ("-c", "user.name=A User", "-c", "user.email=user@example.invalid")
        subprocess.run(["git", *identity, *arguments], cwd=self.repository, env=self.environ, check=True)

    def write(self, script: str, *, event: str = "push", label: str = "ubuntu-latest", name: str = "ci") -> None:
        path = self.repository / f".github/workflows/{name}.yml"
        path.write_text(_WORKFLOW.format(event=event, label=label, script=json.dumps(script)))

    def start(self, *arguments: str, **options: Any) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [sys.executable, "-c", _PROGRAM, *arguments],
            cwd=self.repository,
            env=self.environ,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            **options,
        )

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        with self.start(*arguments) as process:
            out, err = process.communicate(timeout=120)
        assert "Traceback" not in out + err
        return subprocess.CompletedProcess(process.args, process.returncode, out, err)

    def ledger(self) -> list[str]:
        path = self.state / "ledger.jsonl"
        return [json.loads(line)["event"] for line in path.read_text().splitlines()] if path.exists() else []

    def left_behind(self) -> list[str]:
        """Name what a run left that it should have removed."""
        places = [self.state / "scratch", self.state / "owners", *self.state.glob("slots/*/*/machine")]
        return [str(path) for place in places if place.is_dir() for path in place.iterdir()]


@pytest.fixture
def command_line(tmp_path: Path) -> CommandLine:
    """In a repository without commits."""
    return CommandLine(tmp_path)


def test_success_is_zero_and_leaves_nothing(command_line: CommandLine) -> None:
    """One VM was allocated and released; the step saw the work tree."""
    (command_line.repository / "file").write_text("content\n")
    command_line.write("cat file")

    done = command_line.run("run")

    assert done.returncode == 0
    assert "test/2 | content" in done.stdout
    assert done.stdout.splitlines()[-1].startswith("ledger: 1 allocation, 1 release")
    assert command_line.ledger() == ["requested", "allocated", "released"]
    assert command_line.left_behind() == []


def test_failure_is_one(command_line: CommandLine) -> None:
    """With the exit code of the step."""
    command_line.write("exit 7")

    done = command_line.run("run")

    assert done.returncode == 1
    assert "test/2 failure: Act (exit code 7" in done.stdout


def test_json_ends_with_the_result(command_line: CommandLine) -> None:
    """Every line is an event; nothing else is on standard output."""
    command_line.write("echo $GREETING", label="ubuntu-22.04")

    done = command_line.run("run", "--output", "json", "--env", "GREETING=hello")
    events = [json.loads(line) for line in done.stdout.splitlines()]

    assert events[-1]["event"] == "run_finished"
    assert events[-1]["conclusion"] == "success"
    assert (events[-1]["allocations"], events[-1]["releases"]) == (1, 1)
    assert ["hello"] in [event["lines"] for event in events if event["event"] == "step_output"]


def test_an_interrupt_stops_the_run_in_good_order(command_line: CommandLine) -> None:
    """The step's processes are gone, the VM is released, and the status says so."""
    marker = command_line.repository.parent / "pid"
    command_line.write(f"echo $$ > {marker}; echo started; exec sleep 1000")
    with command_line.start("run", start_new_session=True) as process:
        assert process.stdout is not None
        while "| started" not in process.stdout.readline():
            assert process.poll() is None
        os.killpg(process.pid, signal.SIGINT)  # as a terminal does
        out, err = process.communicate(timeout=60)

    assert process.returncode == 130
    assert "Traceback" not in out + err
    assert not Path(f"/proc/{marker.read_text().strip()}").exists()
    assert command_line.ledger() == ["requested", "allocated", "released"]
    assert command_line.left_behind() == []


def test_a_second_interrupt_does_not_wait(command_line: CommandLine) -> None:
    """A step that ignores signals cannot hold the user."""
    command_line.write("trap '' INT TERM; echo started; while :; do sleep 0.1; done")
    with command_line.start("run", start_new_session=True) as process:
        assert process.stdout is not None
        for line in process.stdout:
            if "| started" in line or "in good order" in line:
                os.killpg(process.pid, signal.SIGINT)
            if "in good order" in line:
                break
        process.communicate(timeout=6)  # the ladder of signals alone takes ten seconds

    assert process.returncode == 130
    assert command_line.ledger() == ["requested", "allocated", "released"]


def test_a_reader_that_goes_away_ends_the_run(command_line: CommandLine) -> None:
    """Like any program in a pipe: quietly, with nothing left."""
    command_line.write("for i in $(seq 100000); do echo $i; done; sleep 1000")
    with command_line.start("run") as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.readline()
        process.stdout.close()
        err = process.stderr.read()
        process.wait(timeout=60)

    assert process.returncode == 141
    assert err == ""
    assert command_line.ledger() == ["requested", "allocated", "released"]


@pytest.mark.parametrize(
    ("arguments", "code", "expected"),
    [
        (["run", "nightly"], 64, "there is no file nightly"),
        (["run", "--event", "release"], 64, "listens to 'release'"),
        (["run", "--job", "nope"], 64, "nope"),
        (["run", "--vm-type", "huge"], 64, "there is no VM type 'huge'"),
        (["run", "--event-file", "none.json"], 64, "cannot read the event file none.json"),
        (["run", "--event-file", ".github/workflows/ci.yml"], 64, "is not JSON"),
        (["run", "--env", "NOT_SET_HERE"], 64, "not set here"),
        (["run", "--provider", "docker"], 64, "docker"),
        (["run", "windows"], 2, "windows-latest"),
        (["run", "broken"], 2, "broken.yml"),
        (["run", "misspelt"], 2, "stpes"),
    ],
)
def test_bad_input_is_one_clear_message(
    command_line: CommandLine, arguments: list[str], code: int, expected: str
) -> None:
    """No traceback, nothing on standard output, no VM asked for, nothing left behind."""
    command_line.write("true")
    command_line.write("true", label="windows-latest", name="windows", event="workflow_dispatch")
    workflows = command_line.repository / ".github/workflows"
    (workflows / "broken.yml").write_text("on: workflow_dispatch\njobs:\n  a: [\n")
    (workflows / "misspelt.yml").write_text("on: workflow_dispatch\njobs:\n  a:\n    runs-on: x\n    stpes: []\n")

    done = command_line.run(*arguments)

    assert done.returncode == code
    assert expected in done.stderr
    assert done.stdout == ""
    assert command_line.ledger() == []
    assert command_line.left_behind() == []


def test_wrong_settings_are_said_all_at_once(command_line: CommandLine) -> None:
    """By variable, each with what was meant."""
    command_line.write("true")
    command_line.environ |= {"TERRAPHIM_ACCELL": "kvm", "TERRAPHIM_WHEN_FULL": "maybe"}

    done = command_line.run("run")

    assert done.returncode == 64
    assert "TERRAPHIM_ACCELL: there is no such setting; did you mean 'accel'?" in done.stderr
    assert "TERRAPHIM_WHEN_FULL: must be 'wait' or 'refuse'" in done.stderr


def test_a_directory_that_cannot_be_written_is_said(command_line: CommandLine) -> None:
    """With the setting to change."""
    command_line.write("true")
    command_line.environ["TERRAPHIM_STATE_DIR"] = "/proc/nowhere"

    done = command_line.run("run")

    assert done.returncode == 69
    assert "/proc/nowhere" in done.stderr
    assert "state_dir" in done.stderr


@pytest.mark.parametrize("command", ["run", "list", "graph", "validate"])
def test_a_current_directory_that_was_removed_is_said(command_line: CommandLine, command: str) -> None:
    """It is no bug of ours."""
    program = f"import os; os.mkdir('gone'); os.chdir('gone'); os.rmdir('../gone'); {_PROGRAM}"
    argv = [sys.executable, "-c", program, command]
    done = subprocess.run(
        argv, cwd=command_line.repository, env=command_line.environ, capture_output=True, text=True, check=False
    )

    assert done.returncode == 64
    assert "does not exist any more" in done.stderr


def test_a_program_that_is_missing_is_said_with_the_package(command_line: CommandLine) -> None:
    """QEMU is not everywhere."""
    bare = command_line.repository.parent / "bin"
    bare.mkdir()
    for name in ("git", "sh", "bash"):
        (bare / name).symlink_to(str(shutil.which(name)))
    command_line.write("true")
    command_line.environ |= {"PATH": str(bare), "TERRAPHIM_PROVIDER": "qemu"}

    done = command_line.run("run")

    assert done.returncode == 69
    assert "qemu-system-x86_64 is not installed" in done.stderr
    assert "apt-get install" in done.stderr


def test_a_dry_run_shows_the_plan_and_runs_nothing(command_line: CommandLine) -> None:
    """No VM is asked for."""
    command_line.write("echo $((6 * 7)) was executed")

    done = command_line.run("run", "--dry-run")

    assert done.returncode == 0
    assert "Act" in done.stdout
    assert "42 was executed" not in done.stdout
    assert command_line.ledger() == []


def test_doctor_and_verify_answer_programs(command_line: CommandLine) -> None:
    """The exit status and the JSON say the same."""
    doctor = command_line.run("doctor", "--output", "json")
    images = command_line.run("image", "list", "--output", "json")

    assert json.loads(doctor.stdout)["is_healthy"] is (doctor.returncode == 0)
    assert json.loads(images.stdout) == []
