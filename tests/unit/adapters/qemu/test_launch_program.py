"""The last program before a VMM, run before other programs. They are Python's, which tell what they may do."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from contextlib import nullcontext
from importlib import resources
from typing import TYPE_CHECKING

import pytest

from terraphim_runner.adapters.qemu.host_view import HostView
from terraphim_runner.adapters.qemu.landlock import version
from terraphim_runner.adapters.qemu.launch_program import (
    NO_RULESET,
    NOT_SHUT_IN,
    NOT_STARTED,
    ORPHANED,
    launch_program,
    open_launch_program,
)

if TYPE_CHECKING:
    from pathlib import Path

needs_landlock = pytest.mark.skipif(not version(), reason="this kernel has no Landlock")

PYTHON = os.path.realpath(sys.executable)
VIEW = HostView(version(), PYTHON, ("/lib", "/lib64", "/usr/lib", sys.base_prefix))
ENVIRONMENT = {"PYTHONHOME": sys.base_prefix, "WORD": "kept"}


def launch(
    *command: str,
    view: HostView | None = None,
    fds: tuple[int, ...] = (),
    parent_pid: int | None = None,
    before: tuple[str, ...] = ("setpriv", "--no-new-privs"),
) -> subprocess.CompletedProcess[str]:
    rules = nullcontext(NO_RULESET) if view is None else view.ruleset(fds, asks_name_servers=False)
    with rules as ruleset, open_launch_program(parent_pid or os.getpid(), ruleset) as program:
        return subprocess.run(
            [*before, f"/proc/self/fd/{program}", *command],
            pass_fds=[program, *fds, *([] if view is None else [ruleset])],
            env=ENVIRONMENT,
            capture_output=True,
            text=True,
            check=False,
        )


def python(script: str, *arguments: str, **options: object) -> str:
    result = launch(PYTHON, "-S", "-c", script, *arguments, **options)  # type: ignore[arg-type]
    assert result.returncode == 0, result.stderr
    return result.stdout.strip()


def test_it_becomes_the_command_with_its_words_and_its_environment() -> None:
    """And leaves none of its own descriptors open."""
    script = "import os, sys; print(sys.argv[1:], os.environ['WORD'], sorted(os.listdir('/proc/self/fd')))"

    assert python(script, "a", "b c") == "['a', 'b c'] kept ['0', '1', '2', '3']"


def test_a_program_whose_parent_is_gone_does_not_start() -> None:
    """It may have died before the death signal was set; then another process is the parent."""
    result = launch("/bin/echo", "started", parent_pid=1)

    assert (result.returncode, result.stdout) == (ORPHANED, "")


def test_a_command_that_is_not_there_is_told_by_the_status() -> None:
    """As a shell would."""
    assert launch("/no/such/program").returncode == NOT_STARTED


def test_what_cannot_be_shut_in_does_not_start() -> None:
    """As when a privilege could be gained, which nothing else here prevents."""
    dropping = ("setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups", "--bounding-set=-all")
    result = launch("/bin/echo", "started", before=dropping if os.geteuid() == 0 else ())

    assert (result.returncode, result.stdout) == (NOT_SHUT_IN, "")


@pytest.mark.parametrize(
    ("script", "answer"),
    [
        ("socket.socket(socket.AF_UNIX)", "EACCES"),
        ("socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)", "EACCES"),
        ("socket.socket(socket.AF_INET)", "fine"),
        ("socket.socketpair()", "fine"),
    ],
)
def test_p10_no_socket_of_the_file_system_can_be_opened(script: str, answer: str) -> None:
    """What belongs to the network is decided elsewhere, and a pair is nobody else's."""
    program = (
        f"import errno, socket\ntry: {script}; print('fine')\nexcept OSError as e: print(errno.errorcode[e.errno])"
    )

    assert python(program) == answer


def test_p10_io_uring_which_would_open_sockets_past_the_filter_is_not_there() -> None:
    """QEMU does without."""
    script = (
        "import ctypes; c = ctypes.CDLL(None, use_errno=True); print(c.syscall(425, 1, 0), ctypes.get_errno())"
    )

    assert python(script) == "-1 38"


@needs_landlock
def test_p10_only_what_a_ruleset_allows_can_be_opened_listed_or_made(tmp_path: Path) -> None:
    """With root's rights as without; what is handed over can be opened again, and no more than that."""
    (tmp_path / "secret").write_text("secret")
    (tmp_path / "handed").write_text("handed")
    script = """
import os, sys
def attempt(what, action):
    try: print(what, action() or "done")
    except PermissionError: print(what, "refused")
directory, fd = sys.argv[1:]
attempt("read", lambda: open(f"{directory}/secret").read())
attempt("passwd", lambda: open("/etc/passwd").read())
attempt("list", lambda: os.listdir(directory))
attempt("make", lambda: open(f"{directory}/new", "w").write("x"))
attempt("remove", lambda: os.unlink(f"{directory}/secret"))
attempt("execute", lambda: os.execv("/bin/echo", ["echo", "executed"]))
attempt("again", lambda: open(f"/proc/self/fd/{fd}").read())
attempt("write", lambda: open(f"/proc/self/fd/{fd}", "a").write("more"))
"""
    fd = os.open(tmp_path / "handed", os.O_RDONLY)
    try:
        said = python(script, str(tmp_path), str(fd), view=VIEW, fds=(fd,)).splitlines()
    finally:
        os.close(fd)

    refused = ["read", "passwd", "list", "make", "remove", "execute"]
    assert said == [*(f"{what} refused" for what in refused), "again handed", "write refused"]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["handed", "secret"]


@needs_landlock
def test_p10_no_process_outside_can_be_signalled() -> None:
    """Though it is the same user's. Needs Landlock 6."""
    if version() < 6:
        pytest.skip("this kernel's Landlock does not know signals")
    script = """
import os, signal
try: os.kill(os.getppid(), 0); print("reached")
except PermissionError: print("refused")
os.kill(os.getpid(), 0)
"""

    assert python(script) == "reached"
    assert python(script, view=VIEW) == "refused"


def test_it_is_its_source_assembled(tmp_path: Path) -> None:
    """The bytes in the package are these and no others."""
    if shutil.which("as") is None or shutil.which("ld") is None:
        pytest.skip("needs binutils")
    source = resources.files("terraphim_runner.adapters.qemu") / "launch.S"
    subprocess.run(["as", "--64", str(source), "-o", "launch.o"], cwd=tmp_path, check=True)
    link = ["ld", "--oformat", "binary", "-e", "0", "-Ttext", "0", "-o", "launch.bin", "launch.o"]
    subprocess.run(link, cwd=tmp_path, check=True)
    code = (tmp_path / "launch.bin").read_bytes()

    assert launch_program(11, 12, 13)[-len(code) - 12 : -12] == code
