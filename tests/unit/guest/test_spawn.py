"""The start of a process without a fork, here on this machine: the same code in the same way, without cgroups."""

from __future__ import annotations

import gc
import os
import shutil
import signal
import subprocess
from importlib import resources
from typing import TYPE_CHECKING

import pytest

from terraphim_runner.guest import spawn
from terraphim_runner.guest.account import Account
from terraphim_runner.guest.child import Child
from terraphim_runner.guest.spawn import Birth, joining

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

ENV = {"PATH": "/usr/bin:/bin"}


class Pipe:
    """What a child writes its output into."""

    def __init__(self) -> None:
        self.reader, self.writer = os.pipe()

    def read(self) -> str:
        os.close(self.writer)
        with os.fdopen(self.reader) as file:
            return file.read()


@pytest.fixture
def pipe() -> Iterator[Pipe]:
    pipe = Pipe()
    yield pipe
    for fd in (pipe.reader, pipe.writer):
        try:  # noqa: SIM105
            os.close(fd)
        except OSError:
            pass


def new_child(
    *argv: str, pipe: Pipe, env: dict[str, str] | None = None, cwd: str = "/", account: Account | None = None
) -> Child:
    child = Child(argv, tuple((ENV if env is None else env).items()), cwd, account)
    child.streams = (os.open("/dev/null", os.O_RDONLY), pipe.writer, pipe.writer)
    return child


def bear(child: Child, *calls: spawn.Call) -> tuple[Birth, int]:
    """Start it; give its exit code too."""
    try:
        birth = Birth(child, -1, calls)
    finally:
        os.close(child.streams[0])
    return birth, os.waitstatus_to_exitcode(os.waitpid(birth.pid, 0)[1])


def test_the_program_gets_its_words_its_environment_and_its_directory(pipe: Pipe, tmp_path: Path) -> None:
    """Bytes that are no text included, as Python passes them on."""
    words = ("sh", "-c", 'printf "%s|" "$@" "$NAME" "$PWD"', "sh", "a", "b c", "", "\udcff")
    child = new_child(*words, pipe=pipe, env=ENV | {"NAME": "välue"}, cwd=str(tmp_path))
    birth, code = bear(child)

    os.close(pipe.writer)
    assert os.read(pipe.reader, 4096) == b"a|b c||\xff|v\xc3\xa4lue|" + os.fsencode(tmp_path) + b"|"
    assert (code, birth.is_over, birth.has_failed) == (0, True, False)


def test_it_leads_a_session_of_its_own_with_the_default_for_every_signal(pipe: Pipe) -> None:
    """What the agent catches is reset."""
    before = signal.signal(signal.SIGUSR1, lambda *_: None)
    try:
        script = "import os, signal; print(os.getsid(0) == os.getpid(), signal.getsignal(signal.SIGUSR1).name)"
        bear(new_child("python3", "-c", script, pipe=pipe))
    finally:
        signal.signal(signal.SIGUSR1, before)

    assert pipe.read() == "True SIG_DFL\n"


@pytest.mark.parametrize(
    ("program", "path", "number", "text"),
    [
        ("no-such", "/usr/bin:/bin", 2, "no such program"),
        ("no-such", "/etc/passwd:/bin", 2, "no such program"),
        ("/no/such", "", 2, "No such file or directory"),
        ("/etc/passwd/program", "", 20, "Not a directory"),
        ("/etc", "/usr/bin", 13, "Permission denied"),
        ("etc", "/nowhere:/", 13, "Permission denied"),
        ("etc", "/:/nowhere", 13, "Permission denied"),
    ],
)
def test_a_program_that_cannot_be_executed_is_told_as_execvpe_does(
    pipe: Pipe, program: str, path: str, number: int, text: str
) -> None:
    """A refusal anywhere on the path weighs more than the program's absence elsewhere."""
    birth, code = bear(new_child(program, pipe=pipe, env={"PATH": path}))
    failure = birth.failure()

    assert (failure.errno, failure.strerror, failure.filename) == (number, text, program)
    assert (code, birth.is_over, birth.has_failed) == (127, True, True)


def test_the_first_program_on_the_path_is_the_one(pipe: Pipe, tmp_path: Path) -> None:
    """Those behind it are not tried."""
    for name in ("first", "second"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "tool").write_text(f"#!/bin/sh\necho {name}\n")
        (tmp_path / name / "tool").chmod(0o755)
    path = f"/nowhere:{tmp_path}/first:{tmp_path}/second"
    birth, _ = bear(new_child("tool", pipe=pipe, env={"PATH": path}))

    assert (pipe.read(), birth.has_failed) == ("first\n", False)


def test_no_program_is_executed_where_the_directory_is_missing(pipe: Pipe) -> None:
    """Nor after any other call that failed."""
    birth, code = bear(new_child("echo", "started", pipe=pipe, cwd="/no/such"))
    failure = birth.failure()

    assert (failure.errno, failure.filename, code, birth.has_failed) == (2, "/no/such", 127, True)
    assert pipe.read() == ""


@pytest.mark.skipif(os.geteuid() != 0, reason="only the superuser may become another user")
def test_it_becomes_the_user_with_all_of_the_users_groups_and_no_other(pipe: Pipe) -> None:
    """For real, effectively, and as saved."""
    script = "import os; print(os.getresuid(), os.getresgid(), sorted(os.getgroups()))"
    child = new_child("python3", "-c", script, pipe=pipe, account=Account(1234, 1235, [1235, 77, 78]))
    bear(child)

    assert pipe.read() == "(1234, 1234, 1234) (1235, 1235, 1235) [77, 78, 1235]\n"


@pytest.mark.skipif(os.geteuid() == 0, reason="the superuser may become anybody")
def test_nothing_is_executed_as_somebody_it_could_not_become(pipe: Pipe) -> None:
    """Above all not as the agent's user."""
    birth, code = bear(new_child("echo", "started", pipe=pipe, account=Account(1234, 1235, [])))

    assert (birth.has_failed, code, pipe.read()) == (True, 127, "")


def test_its_first_calls_come_first(pipe: Pipe, tmp_path: Path) -> None:
    """As that by which it joins a cgroup, into whose list of members it writes the number 0: itself."""
    members = os.open(tmp_path / "cgroup.procs", os.O_WRONLY | os.O_CREAT)
    try:
        bear(new_child("cat", "cgroup.procs", pipe=pipe, cwd=str(tmp_path)), joining(members))
    finally:
        os.close(members)

    assert pipe.read() == "0"


@pytest.mark.parametrize("argv", [("echo", "a\0b"), ("ec\0ho",)])
def test_a_null_character_is_refused_before_there_is_a_process(pipe: Pipe, argv: tuple[str, ...]) -> None:
    """It would end the text for the kernel."""
    with pytest.raises(ValueError, match="null"):
        bear(new_child(*argv, pipe=pipe))


def test_the_agent_does_not_wait_for_it(pipe: Pipe) -> None:
    """A child may hang before its program begins, as here where it reads and nobody writes; killed, it is over.

    By a signal that the agent catches, too: the child has none of its handlers.
    """
    read = 0
    child = new_child("echo", pipe=pipe)
    reader, writer = os.pipe()
    before = signal.signal(signal.SIGUSR1, lambda *_: None)
    try:
        birth = Birth(child, -1, ((read, reader, joining(0)[2], 1),))
        assert not birth.is_over
        os.kill(birth.pid, signal.SIGUSR1)
        code = os.waitstatus_to_exitcode(os.waitpid(birth.pid, 0)[1])
    finally:
        signal.signal(signal.SIGUSR1, before)
        for fd in (reader, writer, child.streams[0]):
            os.close(fd)

    assert (code, birth.is_over, birth.has_failed) == (-signal.SIGUSR1, True, False)


def test_many_at_once_each_with_what_is_its_own(pipe: Pipe) -> None:
    """Each reads its own list, though they share one memory, and the agent goes on working in it."""
    births = []
    for number in range(50):
        child = new_child(
            "sh", "-c", 'echo "$1 $NAME"', "sh", str(number), pipe=pipe, env=ENV | {"NAME": f"n{number}"}
        )
        births.append(Birth(child, -1))
        os.close(child.streams[0])
        gc.collect()
    for birth in births:
        os.waitpid(birth.pid, 0)

    assert sorted(pipe.read().splitlines()) == sorted(f"{number} n{number}" for number in range(50))


def test_it_is_its_source_assembled(tmp_path: Path) -> None:
    """The bytes in the package are these and no others."""
    if shutil.which("as") is None or shutil.which("ld") is None:
        pytest.skip("needs binutils")
    source = resources.files("terraphim_runner.guest") / "spawn.S"
    subprocess.run(["as", "--64", str(source), "-o", "spawn.o"], cwd=tmp_path, check=True)
    link = ["ld", "--oformat", "binary", "-e", "0", "-Ttext", "0", "-o", "spawn.bin", "spawn.o"]
    subprocess.run(link, cwd=tmp_path, check=True)

    assert (tmp_path / "spawn.bin").read_bytes() == spawn._CODE
