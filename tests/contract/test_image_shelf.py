"""Images appear whole or not at all, whoever else is at work and whoever died at it."""

from __future__ import annotations

import fcntl
import os
import shutil
import signal
import subprocess
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest

from terraphim_runner.adapters.images import shelf

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

DIGEST = "ab" * 32
BUILDER = """
import subprocess, sys
from pathlib import Path
from terraphim_runner.adapters.images import shelf
images = Path(sys.argv[1])
with shelf.exclusive(images, sys.argv[2], lambda: print("waits", flush=True)) as lock:
    shelf.building_dir(images, sys.argv[2]).mkdir(exist_ok=True)
    print("builds", flush=True)
    if sys.argv[3:]:
        print(subprocess.Popen(sys.argv[3:], pass_fds=[lock]).pid, flush=True)
    sys.stdin.read()
"""


@contextmanager
def builder(images: Path, *tool: str) -> Iterator[subprocess.Popen[str]]:
    """Start another process that builds this image until its stdin ends, by means of a tool if one is given."""
    argv = [sys.executable, "-c", BUILDER, str(images), DIGEST, *tool]
    with subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        try:
            yield process
        finally:
            process.kill()


def said(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    return process.stdout.readline().strip()


def no_word() -> None:
    raise AssertionError("nobody was to be waited for")


def test_a_second_builder_waits_for_the_first(tmp_path: Path) -> None:
    with builder(tmp_path) as first:
        assert said(first) == "builds"
        with builder(tmp_path) as second:
            assert said(second) == "waits"
            first.communicate("")
            assert said(second) == "builds"
            with builder(tmp_path) as third:
                assert said(third) == "waits"


def test_a_killed_builder_holds_up_nobody(tmp_path: Path) -> None:
    with builder(tmp_path) as dead:
        assert said(dead) == "builds"
        dead.send_signal(signal.SIGKILL)
        dead.wait()

    with shelf.exclusive(tmp_path, DIGEST, no_word):
        pass


def test_the_tools_of_a_killed_builder_hold_up_the_next_until_they_are_gone(tmp_path: Path) -> None:
    with builder(tmp_path, "sleep", "infinity") as dead:
        assert said(dead) == "builds"
        tool = int(said(dead))
        dead.send_signal(signal.SIGKILL)
        dead.wait()

    with builder(tmp_path) as second:
        assert said(second) == "waits"
        os.kill(tool, signal.SIGKILL)
        assert said(second) == "builds"


def test_the_remains_of_the_dead_are_swept_and_the_work_of_the_living_is_not(tmp_path: Path) -> None:
    remains = shelf.building_dir(tmp_path, "cd" * 32)
    remains.mkdir()
    with builder(tmp_path) as living:
        assert said(living) == "builds"

        shelf.sweep(tmp_path, shutil.rmtree)

        assert (remains.exists(), shelf.building_dir(tmp_path, DIGEST).exists()) == (False, True)


def test_no_lock_file_stays_behind(tmp_path: Path) -> None:
    with shelf.exclusive(tmp_path, DIGEST, no_word):
        pass
    shelf.building_dir(tmp_path, DIGEST).mkdir()
    shelf.sweep(tmp_path, shutil.rmtree)

    assert list(tmp_path.iterdir()) == []


def test_a_published_image_is_there_under_its_name_and_read_only(tmp_path: Path) -> None:
    result = tmp_path / "result"
    result.mkdir()
    (result / "vmlinux").write_bytes(b"kernel")

    shelf.publish(result, tmp_path / DIGEST)

    assert (tmp_path / DIGEST / "vmlinux").read_bytes() == b"kernel"
    assert (tmp_path / DIGEST / "vmlinux").stat().st_mode & 0o777 == 0o444


@pytest.mark.parametrize("held", [True, False])
def test_an_image_is_withdrawn_only_while_nobody_holds_it(tmp_path: Path, *, held: bool) -> None:
    image_dir = tmp_path / DIGEST
    image_dir.mkdir()
    handle = os.open(image_dir, os.O_RDONLY)
    if held:
        fcntl.flock(handle, fcntl.LOCK_SH)
    try:
        withdrawn = shelf.withdraw(image_dir)
    finally:
        os.close(handle)

    assert (withdrawn is None, image_dir.exists()) == (held, held)
