"""The host's tools, run for a build: their faults become ours, and none of them stays."""

from __future__ import annotations

import os
import platform
import subprocess
from typing import TYPE_CHECKING

import pytest

from terraphim_runner.adapters.images.manifest import ROOT_DISK
from terraphim_runner.adapters.images.recipe import Recipe
from terraphim_runner.adapters.images.root_disk import write_root_disk
from terraphim_runner.adapters.images.syscall_program import Buffer, Call, assemble
from terraphim_runner.adapters.images.tool import Toolbox, ToolFailed, require
from terraphim_runner.adapters.images.workplace import Ownership, Workplace
from terraphim_runner.domain.errors import HostDiskFull, HostError, UsageError

if TYPE_CHECKING:
    from pathlib import Path

READ, WRITE, OPEN, EXIT_GROUP = 0, 1, 2, 231


@pytest.fixture
def toolbox(tmp_path: Path) -> Toolbox:
    """A toolbox with a log of its own."""
    return Toolbox(tmp_path / "build.log")


def test_missing_tools_are_named_with_the_command_that_installs_them(tmp_path: Path) -> None:
    with pytest.raises(HostError, match="needs mmdebstrap and mke2fs, which this machine lacks") as caught:
        require("mmdebstrap", "mke2fs", search_path=str(tmp_path))

    assert caught.value.hint == "sudo apt-get install e2fsprogs mmdebstrap"


def test_every_line_is_logged_and_reported(toolbox: Toolbox) -> None:
    lines: list[str] = []

    toolbox.run(["sh", "-c", "echo one; echo two >&2"], on_line=lines.append)

    assert lines == ["one", "two"]
    assert toolbox.log.read_text() == "one\ntwo\n"


def test_a_failed_tool_is_told_with_its_last_lines(toolbox: Toolbox) -> None:
    with pytest.raises(ToolFailed, match=r"(?s)sh failed with exit status 3.*line 20") as caught:
        toolbox.run(["sh", "-c", 'for n in $(seq 20); do echo "line $n"; done; exit 3'])

    assert len(caught.value.tail) == 12


def test_a_full_disk_is_told_as_such(toolbox: Toolbox) -> None:
    with pytest.raises(HostDiskFull):
        toolbox.run(["sh", "-c", "echo 'cp: x: No space left on device'; exit 1"])


def test_an_interrupted_tool_ends_with_all_it_started(toolbox: Toolbox) -> None:
    def interrupt(line: str) -> None:
        raise KeyboardInterrupt

    # only root can be rid of what has left the process group
    away = "setsid " if os.geteuid() == 0 else ""
    ours, theirs = os.pipe()
    with pytest.raises(KeyboardInterrupt):
        toolbox.run(["sh", "-c", f"{away}sleep infinity & echo; wait"], on_line=interrupt, pass_fds=[theirs])
    os.close(theirs)

    assert os.read(ours, 1) == b""  # nobody holds the other end any more
    os.close(ours)


def test_tools_hold_the_builds_lock(tmp_path: Path) -> None:
    with (tmp_path / "lock").open("wb") as lock:
        toolbox = Toolbox(tmp_path / "build.log", held=(lock.fileno(),))
        seen = ["readlink", f"/proc/self/fd/{lock.fileno()}"]
        toolbox.run(seen)

        assert toolbox.log.read_text().strip() == lock.name == toolbox.filter_inside(seen, b"").decode().strip()


def test_a_filter_gives_what_the_tool_writes(toolbox: Toolbox) -> None:
    assert toolbox.filter_inside(["tr", "a-z", "A-Z"], b"hello") == b"HELLO"


def test_a_disk_too_small_for_its_content_is_the_recipes_fault(tmp_path: Path) -> None:
    place = Workplace(tmp_path, Ownership(), os.open(tmp_path, os.O_RDONLY))
    try:
        place.make()
        place.tree.mkdir()
        (place.tree / "big").write_bytes(os.urandom(8 << 20))
        recipe = Recipe(name="small", suite="bookworm").model_copy(update={"size_mib": 6})

        with pytest.raises(UsageError, match="does not fit into 6 MiB"):
            write_root_disk(recipe, place)
    finally:
        os.close(place.lock)


def test_the_disk_is_sparse(tmp_path: Path) -> None:
    place = Workplace(tmp_path, Ownership(), os.open(tmp_path, os.O_RDONLY))
    try:
        place.make()
        place.tree.mkdir()
        write_root_disk(Recipe(name="small", suite="bookworm"), place)
    finally:
        os.close(place.lock)

    status = (place.result / ROOT_DISK).stat()
    assert status.st_size == 2048 << 20
    assert status.st_blocks * 512 < 16 << 20


@pytest.mark.skipif(platform.machine() != "x86_64", reason="the program is one for x86-64")
def test_a_program_of_system_calls_does_what_it_says(tmp_path: Path) -> None:
    (tmp_path / "serial").write_bytes(b"root")
    serial, empty = Buffer(), Buffer()
    program = tmp_path / "program"
    program.write_bytes(
        assemble(
            [
                Call(OPEN, (str(tmp_path / "serial").encode(), 0, 0)),
                Call(READ, (3, serial, 8)),
                Call(WRITE, (1, b"never\n", 6), only_if=(empty, b"root")),
                Call(WRITE, (1, b"mounted\n", 8), only_if=(serial, b"root")),
                Call(EXIT_GROUP, (7,)),
            ]
        )
    )
    program.chmod(0o755)

    done = subprocess.run([program], capture_output=True, check=False)

    assert (done.stdout, done.returncode) == (b"mounted\n", 7)
