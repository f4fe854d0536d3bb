"""Whatever is wrong, the user reads one clear message with its remedy, and nothing is left behind."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

Start = Callable[..., subprocess.Popen[str]]
Run = Callable[..., subprocess.CompletedProcess[str]]

_GOOD = """\
on: push
jobs:
  a:
    runs-on: ubuntu-latest
    steps:
      - uses: actions/checkout@v4
      - run: {script}
"""


@pytest.fixture
def run(start: Start, tmp_path: Path) -> Run:
    """Run the program to its end; whatever it met, it must not call it a bug, nor leave anything."""

    def run(*arguments: str, **options: Any) -> subprocess.CompletedProcess[str]:
        with start(*arguments, **options) as process:
            out, err = process.communicate(timeout=120)
        assert "Traceback" not in f"{out}{err}"
        assert "this is a bug" not in f"{err}"
        assert _left_behind(tmp_path) == []
        return subprocess.CompletedProcess(process.args, process.returncode, out, err)

    return run


@pytest.fixture
def workflow(repository: Path) -> Path:
    """A workflow that listens to push and is all right."""
    path = repository / ".github/workflows/ci.yml"
    path.write_text(_GOOD.format(script="echo ran"))
    return path


def _state(root: Path) -> Path:
    return root / "state" / "terraphim-runner"


def _left_behind(root: Path) -> list[str]:
    state = _state(root)
    places = [state / "scratch", state / "owners", *state.glob("slots/*/*/machine")]
    return [str(path) for place in places if place.is_dir() for path in place.iterdir()]


def _bare_path(root: Path, *programs: str) -> str:
    """Make a PATH with nothing but these."""
    directory = root / "bin"
    directory.mkdir(exist_ok=True)
    for name in programs:
        (directory / name).symlink_to(str(shutil.which(name)))
    return str(directory)


@pytest.mark.parametrize(
    ("content", "code", "expected"),
    [
        (b"", 2, "The file is empty"),
        (b"# nothing\n", 2, "The file is empty"),
        (b"\x7fELF\xff\xfe", 2, "not UTF-8"),
        (b"just text\n", 2, "expected a mapping"),
        (b"on: push\njobs: [\n", 2, "error[yaml-syntax]"),
        (b"on: push\njobs:\n\ta: b\n", 2, "indent with spaces, not with tabs"),
        (b"on: puhs\njobs:\n  a:\n    runs-on: ubuntu-latest\n    steps: [run: x]\n", 2, "did you mean `push`"),
        (
            b"on: push\njobs:\n  a:\n    runs-on: windows-latest\n    steps: [run: x]\n",
            2,
            "known labels: self-hosted",
        ),
        (
            b"on: push\njobs:\n  a:\n    runs-on: ubuntu-latest\n    steps: [uses: a/b@v1]\n",
            2,
            "--action a/b@v1=DIR",
        ),
    ],
)
def test_a_file_that_is_no_workflow_is_shown_with_the_place(
    run: Run, workflow: Path, content: bytes, code: int, expected: str
) -> None:
    """By file and line, with an excerpt, before a VM is asked for."""
    workflow.write_bytes(content)

    done = run("run", str(workflow))

    assert (done.returncode, done.stdout) == (code, "")
    assert expected in done.stderr
    assert "--> .github/workflows/ci.yml:" in done.stderr
    assert done.stderr.rstrip().endswith("1 error in 1 of 1 file")


def test_an_excerpt_is_right_wherever_one_stands(run: Run, workflow: Path, repository: Path) -> None:
    """In a directory further down too."""
    workflow.write_text("on: push\njobs:\n  a: {runs-on: ubuntu-latest, stpes: []}\n")
    (repository / "src").mkdir()

    assert "stpes: []}" in run("run", cwd=repository / "src").stderr


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["run", ".github"], ".github is a directory"),
        (["run", ""], "is a directory"),
        (["run", "--event-file", "."], "cannot read the event file .: Is a directory"),
        (["run", "--event-file", "binary"], "is not JSON"),
        (["run", "--event-file", "array"], "must hold a JSON object"),
        (["run", "--event-file", "deep"], "nested too deeply"),
        (["run", "--evnt", "push"], "--event"),
        (["run", "--watch", "--metrics-file", "m"], "--watch and --metrics-file do not go together"),
        (["run", "--dry-run", "--watch"], "--dry-run and --watch do not go together"),
        (["expr", "github.actor", "-c", "deep"], "cannot read contexts from deep"),
        (["rum"], "Did you mean 'run'?"),
        (["image", "build", "debian-99"], "no image recipe is called 'debian-99'"),
        (["image", "build", "./none.toml"], "cannot read the recipe none.toml"),
    ],
)
@pytest.mark.usefixtures("workflow")
def test_a_command_line_that_is_wrong_is_64(
    run: Run, repository: Path, arguments: list[str], expected: str
) -> None:
    """Nothing on standard output."""
    (repository / "binary").write_bytes(b"\xff\xfe\x00")
    (repository / "array").write_text("[1]")
    (repository / "deep").write_text("[" * 100_000)

    done = run(*arguments)

    assert (done.returncode, done.stdout) == (64, "")
    assert expected in done.stderr
    assert done.stderr.count("error: ") == 1


@pytest.mark.parametrize("arguments", [[], ["image"]])
def test_without_arguments_the_help_is_the_answer(run: Run, arguments: list[str]) -> None:
    """It is not called an error."""
    done = run(*arguments)

    assert done.returncode == 64
    assert done.stderr.startswith("Usage: terraphim-runner")


@pytest.mark.usefixtures("workflow")
def test_a_settings_file_that_is_broken_is_named(run: Run, tmp_path: Path) -> None:
    """With what is wrong in it."""
    settings = tmp_path / "config/terraphim-runner/config.toml"
    settings.parent.mkdir(parents=True)
    settings.write_text("provider = \n")

    done = run("run")

    assert done.returncode == 64
    assert str(settings) in done.stderr
    assert "is not TOML" in done.stderr


@pytest.mark.parametrize(
    ("arguments", "variable", "setting"),
    [
        (["run"], "XDG_STATE_HOME", "state_dir"),
        (["image", "build"], "XDG_DATA_HOME", "data_dir"),
        (["doctor"], "XDG_STATE_HOME", "TERRAPHIM_STATE_DIR"),
        (["doctor"], "XDG_DATA_HOME", "TERRAPHIM_DATA_DIR"),
    ],
)
@pytest.mark.usefixtures("workflow")
def test_a_place_that_cannot_be_used_is_said_with_its_setting(
    run: Run, tmp_path: Path, arguments: list[str], variable: str, setting: str
) -> None:
    """Here a file is where the directory should be."""
    (tmp_path / "file").touch()

    done = run(*arguments, env={variable: str(tmp_path / "file")})

    assert done.returncode == 69
    assert str(tmp_path / "file") in done.stdout + done.stderr
    assert setting in done.stdout + done.stderr


@pytest.mark.parametrize("program", ["qemu-system-x86_64", "git", "mksquashfs", "setpriv", "prlimit"])
@pytest.mark.usefixtures("workflow")
def test_doctor_names_the_package_of_what_is_missing(run: Run, tmp_path: Path, program: str) -> None:
    """And that no run can work."""
    done = run("doctor", "--provider", "qemu", "--output", "json", env={"PATH": _bare_path(tmp_path)})
    [finding] = [each for each in json.loads(done.stdout)["findings"] if each["name"] == program]

    assert done.returncode == 69
    assert finding["level"] == "problem"
    assert "apt-get install " in finding["remedy"]


@pytest.mark.usefixtures("workflow")
def test_git_that_is_missing_is_said_before_anything_starts(run: Run, tmp_path: Path) -> None:
    """It is needed to know what to ship."""
    done = run("run", env={"PATH": _bare_path(tmp_path, "bash", "sh")})

    assert (done.returncode, done.stdout) == (69, "")
    assert done.stderr == "error: git is not installed\nhint: install it: apt-get install git\n"


@pytest.mark.parametrize(
    ("answer", "expected"),
    [("QEMU emulator version 4.2.1", "QEMU 4.2.1 is too old; 7.2 is needed"), ("hello", "does not say which")],
)
@pytest.mark.usefixtures("workflow")
def test_a_qemu_that_is_too_old_is_said_with_its_version(
    run: Run, tmp_path: Path, answer: str, expected: str
) -> None:
    """With what installs one that is not."""
    path = _bare_path(tmp_path, "git", "sh", "setpriv", "prlimit", "mksquashfs")
    qemu = Path(path, "qemu-system-x86_64")
    qemu.write_text(f"#!/bin/sh\necho '{answer}'\n")
    qemu.chmod(0o755)

    done = run("run", "--provider", "qemu", env={"PATH": path})

    assert (done.returncode, done.stdout) == (69, "")
    assert expected in done.stderr
    assert "hint: apt-get install qemu-system-x86" in done.stderr


@pytest.mark.usefixtures("workflow")
def test_a_repository_of_another_user_is_said_with_gits_remedy(run: Run) -> None:
    """Before a VM is asked for."""
    done = run("run", env={"GIT_TEST_ASSUME_DIFFERENT_OWNER": "1"})

    assert done.returncode == 69
    assert "dubious ownership" in done.stderr
    assert "hint: git config --global --add safe.directory" in done.stderr


@pytest.mark.usefixtures("workflow")
def test_a_machine_that_fails_a_run_is_blamed_once_with_the_remedy(run: Run, tmp_path: Path) -> None:
    """The result has it; in JSON too, as the last line."""
    _state(tmp_path).mkdir(parents=True)
    (_state(tmp_path) / "scratch").touch()

    plain, as_json = run("run"), run("run", "--output", "json")
    result = json.loads(as_json.stdout.splitlines()[-1])

    assert (plain.returncode, plain.stderr) == (69, "")
    assert plain.stdout.count("\nerror: cannot make a temporary directory") == 1
    assert plain.stdout.count("\nhint: set state_dir to a directory you can write") == 1
    assert as_json.returncode == 69
    assert (result["event"], result["hint"]) == ("run_finished", "set state_dir to a directory you can write")
    assert (result["allocations"], result["releases"]) == (1, 1)
    assert as_json.stderr.startswith("error: cannot make a temporary directory")


def test_what_a_local_run_has_none_of_is_said(run: Run, workflow: Path) -> None:
    """An empty secret is not a surprise in the middle of a step."""
    workflow.write_text(_GOOD.format(script="echo [${{ secrets.TOKEN }}]"))

    assert "so they are empty: secrets.TOKEN (line 7)" in run("run").stdout


def test_what_a_killed_run_left_is_given_back_and_said(
    start: Start, run: Run, workflow: Path, tmp_path: Path
) -> None:
    """By the next run."""
    workflow.write_text(_GOOD.format(script="echo started; sleep 1000"))
    with start("run") as process:
        assert process.stdout is not None
        while "| started" not in process.stdout.readline():
            assert process.poll() is None
        process.kill()
    workflow.write_text(_GOOD.format(script="echo ran"))

    done = run("run")

    assert process.returncode == -signal.SIGKILL
    assert "warning: released a VM that an earlier run left when it was killed" in done.stdout
    entries = [json.loads(line)["event"] for line in (_state(tmp_path) / "ledger.jsonl").read_text().splitlines()]
    assert (entries.count("allocated"), entries.count("released")) == (2, 2)


@pytest.mark.parametrize("arguments", [["run"], ["run", "--dry-run"], ["doctor"], ["image", "list"]])
@pytest.mark.usefixtures("workflow")
def test_output_that_finds_no_room_is_said(run: Run, arguments: list[str]) -> None:
    """What is lost without a word is searched for long."""
    with Path("/dev/full").open("w") as full:
        done = run(*arguments, stdout=full)

    assert done.returncode == 69
    assert done.stderr.startswith("error: cannot write the output: No space left on device\nhint: ")


def test_closed_streams_are_no_obstacle(run: Run, workflow: Path, repository: Path) -> None:
    """As a daemon may start us: what runs is what counts."""
    workflow.write_text(_GOOD.format(script=f"touch {repository}/ran"))

    done = run("run", is_mute=True)

    assert (done.returncode, (repository / "ran").exists()) == (0, True)


@pytest.mark.skipif(os.geteuid() == 0, reason="the superuser may go everywhere")
def test_a_directory_that_is_closed_is_no_bug(run: Run, repository: Path) -> None:
    """It is the user's to open."""
    (repository / "closed").mkdir(mode=0)

    done = run("run", "closed/ci.yml")

    assert done.returncode == 64
    assert "cannot read closed/ci.yml: Permission denied" in done.stderr
