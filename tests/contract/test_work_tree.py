"""What a work tree is, tried on real repositories with the real git."""

from __future__ import annotations

import os
import shutil
import stat
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import anyio
import pytest
from tests.contract.git_repository import IDENTITY, Copy, commit, git, write

from terraphim_runner.adapters.work_tree.git_work_tree import GitWorkTree
from terraphim_runner.domain.errors import HostError

if TYPE_CHECKING:
    from collections.abc import Callable


pytestmark = pytest.mark.usefixtures("no_git_settings")


@pytest.fixture
def warnings() -> list[str]:
    """What the user was told."""
    return []


@pytest.fixture
def ship(tmp_path: Path, warnings: list[str]) -> Callable[[Path], Copy]:
    """Take a snapshot and copy it, as a provider would."""

    async def copy(directory: Path) -> Copy:
        async with GitWorkTree(directory, tmp_path / "scratch", warnings.append).snapshot() as tree:
            return Copy(tree, tmp_path / "guest")

    return lambda directory: anyio.run(copy, directory)


def test_a_clean_repository_is_clean_in_the_guest(
    committed: Path, ship: Callable[[Path], Copy], warnings: list[str]
) -> None:
    """Files, modes, links and the commit are the same; nothing else of the history is there."""
    copy = ship(committed)

    assert copy.git("status", "--porcelain") == ""
    assert copy.git("rev-parse", "HEAD") == git(committed, "rev-parse", "HEAD")
    assert copy.git("log", "--format=%s") == "second\n"
    assert copy.git("branch", "--show-current") == "topic\n"
    assert copy.files() == {"kept", "changed", "deleted", "src/deep.txt", ".gitignore", "script", "link"}
    assert (copy.root / "script").stat().st_mode & stat.S_IXUSR
    assert str((copy.root / "link").readlink()) == "kept"
    assert copy.git("fsck", "--strict") == ""
    assert warnings == []


def test_local_changes_are_local_changes_in_the_guest(committed: Path, ship: Callable[[Path], Copy]) -> None:
    """Changed, deleted, new, ignored: `git status` says what it says here."""
    write(committed, changed="after!\n", new="new\n")
    (committed / "noise.log").write_text("")
    (committed / "deleted").unlink()
    (committed / "kept").chmod(0o755)

    copy = ship(committed)

    assert copy.git("status", "--porcelain") == git(committed, "status", "--porcelain")
    assert copy.git("diff") == git(committed, "diff")
    assert not (copy.root / "noise.log").exists()


def test_a_change_that_keeps_size_and_time_is_seen(committed: Path, ship: Callable[[Path], Copy]) -> None:
    """Here git sees it by the inode; a copy has other inodes, so there it must be told."""
    moment = (1_700_000_000, 1_700_000_000)
    os.utime(committed / "changed", moment)
    git(committed, "update-index", "--refresh")
    (committed / "other").write_text("BEFORE\n")
    os.utime(committed / "other", moment)
    (committed / "other").replace(committed / "changed")

    assert ship(committed).git("status", "--porcelain") == " M changed\n"


def test_a_change_in_the_second_of_the_commit_is_seen(committed: Path, ship: Callable[[Path], Copy]) -> None:
    """Git reads files that are as new as its index; a copy of the index must not look newer than it is."""
    moment = (1_700_000_000, 1_700_000_000)
    os.utime(committed / "changed", moment)
    git(committed, "update-index", "--refresh")
    os.utime(committed / ".git/index", moment)
    git(committed, "config", "core.checkStat", "minimal")
    git(committed, "config", "core.trustctime", "false")
    write(committed, changed="BEFORE\n")
    os.utime(committed / "changed", moment)

    copy = ship(committed)

    assert copy.git("status", "--porcelain") == git(committed, "status", "--porcelain") == " M changed\n"


def test_unchanged_files_need_not_be_read_in_the_guest(committed: Path, ship: Callable[[Path], Copy]) -> None:
    """The index knows their times: content that is swapped behind its back is not noticed."""
    os.utime(
        committed / "kept", (1_700_000_000, 1_700_000_000)
    )  # it reads files of the current second in any case
    copy = ship(committed)
    path = copy.root / "kept"
    moment = path.stat().st_mtime_ns
    path.write_text("KEPT\n")
    os.utime(path, ns=(moment, moment))

    assert copy.git("diff-files", "--name-only") == ""


def test_what_is_staged_is_shown_as_changed(committed: Path, ship: Callable[[Path], Copy]) -> None:
    """The guest's index is the commit's; no content is lost or missing."""
    write(committed, changed="staged\n", new="new\n")
    git(committed, "add", "--all")

    copy = ship(committed)

    assert copy.git("status", "--porcelain") == " M changed\n?? new\n"
    assert "+staged" in copy.git("diff")


def test_an_unfinished_merge_does_not_stop_a_run(committed: Path, ship: Callable[[Path], Copy]) -> None:
    """A path with three stages is one file."""
    git(committed, "checkout", "--quiet", "-b", "other", "HEAD~1")
    write(committed, changed="other\n")
    commit(committed)
    git(committed, "checkout", "--quiet", "topic")
    write(committed, changed="topic\n")
    commit(committed)
    merge = subprocess.run(["git", *IDENTITY, "merge", "other"], cwd=committed, check=False, capture_output=True)

    copy = ship(committed)

    assert merge.returncode == 1
    assert copy.git("status", "--porcelain") == " M changed\n"


def test_a_repository_without_commits_ships_its_files(committed: Path, ship: Callable[[Path], Copy]) -> None:
    """`git init`, a workflow, and go."""
    shutil.rmtree(committed / ".git")
    git(committed, "init", "--quiet", "--initial-branch=fresh")

    copy = ship(committed)

    assert copy.git("status", "--porcelain") == git(committed, "status", "--porcelain")
    assert copy.git("branch", "--show-current") == "fresh\n"


def test_a_directory_without_a_repository_is_taken_with_a_warning(
    committed: Path, ship: Callable[[Path], Copy], warnings: list[str]
) -> None:
    """What `.gitignore` names stays here even so."""
    shutil.rmtree(committed / ".git")
    (committed / "noise.log").write_text("")

    copy = ship(committed)

    assert copy.files() == {"kept", "changed", "deleted", "src/deep.txt", ".gitignore", "script", "link"}
    assert copy.git("status", "--porcelain").count("??") == 7
    assert [warning.startswith(f"{committed} is not a git repository") for warning in warnings] == [True]


def test_a_subdirectory_stands_for_its_repository(committed: Path, ship: Callable[[Path], Copy]) -> None:
    """A user may stand anywhere in it."""
    assert "kept" in ship(committed / "src").files()


def test_a_linked_work_tree_ships_its_own_commit(
    committed: Path, tmp_path: Path, ship: Callable[[Path], Copy]
) -> None:
    """There `.git` is a file that names a directory elsewhere."""
    git(committed, "worktree", "add", "--quiet", "-b", "side", str(tmp_path / "side"), "HEAD~1")
    (tmp_path / "side" / "kept").write_text("in the side tree\n")

    copy = ship(tmp_path / "side")

    assert copy.git("log", "--format=%s") == "first\n"
    assert copy.git("branch", "--show-current") == "side\n"
    assert copy.git("status", "--porcelain") == " M kept\n"


def test_a_detached_head_stays_detached(committed: Path, ship: Callable[[Path], Copy]) -> None:
    """Nobody invents a branch."""
    git(committed, "checkout", "--quiet", "--detach", "HEAD~1")

    copy = ship(committed)

    assert copy.git("log", "--format=%s") == "first\n"
    assert copy.git("branch", "--show-current") == ""


def test_unusual_names_arrive_as_they_are(committed: Path, ship: Callable[[Path], Copy]) -> None:
    """Line ends, quotes, leading dashes, bytes that are no text."""
    names = [
        b"line\nend",
        b'"quoted"',
        b"-dash",
        b" space ",
        b"\xff\xfe",
        "\u00fc".encode(),
        b"tab\tname",
        b"a\\b",
    ]
    for name in names:
        (committed / os.fsdecode(name)).write_text("x")
    git(committed, "add", "--", ":(literal)-dash", "tab\tname")

    copy = ship(committed)

    assert {os.fsdecode(name) for name in names} <= copy.files()
    assert copy.git("status", "--porcelain", "-z").count("??") == len(names)


def test_a_repository_may_lie_in_an_unusual_place(committed: Path, ship: Callable[[Path], Copy]) -> None:
    """A colon separates paths in a variable that we set for git."""
    odd = committed.with_name('odd: "place" %41 \u00fc')
    committed.rename(odd)

    assert ship(odd).git("status", "--porcelain") == ""


def test_a_submodule_is_an_empty_directory_and_clean(
    committed: Path, tmp_path: Path, ship: Callable[[Path], Copy], warnings: list[str]
) -> None:
    """That is what `actions/checkout` yields unless it is told otherwise."""
    library = tmp_path / "library"
    library.mkdir()
    git(library, "init", "--quiet")
    write(library, content="content\n")
    commit(library)
    git(committed, "submodule", "--quiet", "add", str(library), "vendor/library")
    commit(committed)

    copy = ship(committed)

    assert list((copy.root / "vendor/library").iterdir()) == []
    assert copy.git("status", "--porcelain") == ""
    assert warnings == ["the submodule vendor/library is left empty, as actions/checkout leaves it by default"]


def test_a_repository_within_is_left_out_and_said(
    committed: Path, ship: Callable[[Path], Copy], warnings: list[str]
) -> None:
    """Git knows nothing of its files, so neither can a checkout."""
    nested = committed / "nested"
    nested.mkdir()
    git(nested, "init", "--quiet")
    write(nested, content="content\n")
    commit(nested)

    copy = ship(committed)

    assert not (copy.root / "nested").exists()
    assert warnings == ["nested is a git repository of its own and not a submodule: it is left out"]


def test_files_behind_a_link_are_not_part_of_the_tree(
    committed: Path, tmp_path: Path, ship: Callable[[Path], Copy]
) -> None:
    """A directory that became a link ships as the link, and nothing from where it leads."""
    shutil.rmtree(committed / "src")
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside" / "deep.txt").write_text("a secret of this machine")
    (committed / "src").symlink_to(tmp_path / "outside")

    copy = ship(committed)

    assert "src/deep.txt" not in copy.files()
    assert (copy.root / "src").is_symlink()


def test_what_is_no_file_any_more_is_not_shipped(committed: Path, ship: Callable[[Path], Copy]) -> None:
    """A pipe in the place of a tracked file would block whoever reads it."""
    (committed / "changed").unlink()
    os.mkfifo(committed / "changed")

    assert "changed" not in ship(committed).files()


def test_nothing_of_this_machine_is_in_the_repository(committed: Path, ship: Callable[[Path], Copy]) -> None:
    """No hook, no setting, no path, no password goes along."""
    hook = committed / ".git/hooks/post-checkout"
    hook.parent.mkdir(exist_ok=True)
    hook.write_text("#!/bin/sh\n")
    git(committed, "config", "user.signingKey", "a-secret")
    git(committed, "remote", "add", "origin", "https://user:a-secret@git.example.invalid/o/r.git?token=a-secret")

    copy = ship(committed)
    files = [path for path in (copy.root / ".git").rglob("*") if path.is_file()]

    assert copy.git("remote", "get-url", "origin") == "https://git.example.invalid/o/r.git\n"
    assert copy.git("rev-parse", "origin/topic") == copy.git("rev-parse", "topic")
    assert not (copy.root / ".git/hooks").exists()
    for path in files:
        assert b"a-secret" not in path.read_bytes()
        assert os.fsencode(committed) not in path.read_bytes()


def test_looking_changes_nothing_in_the_repository(committed: Path, ship: Callable[[Path], Copy]) -> None:
    """Not even the times in the index."""
    write(committed, changed="after\n")
    before = {path: path.stat().st_mtime_ns for path in committed.rglob("*")}

    ship(committed)

    assert {path: path.stat().st_mtime_ns for path in committed.rglob("*")} == before


def test_a_git_hook_of_another_repository_can_start_a_run(
    committed: Path, tmp_path: Path, ship: Callable[[Path], Copy], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Git tells its hooks by variables which repository it means; here they lead astray."""
    monkeypatch.setenv("GIT_DIR", str(tmp_path / "another"))
    monkeypatch.setenv("GIT_INDEX_FILE", str(tmp_path / "another-index"))
    copy = ship(committed)
    monkeypatch.undo()

    assert "kept" in copy.files()


def test_a_hash_of_another_kind_is_kept(tmp_path: Path, ship: Callable[[Path], Copy]) -> None:
    """Repositories with SHA-256 exist."""
    root = tmp_path / "sha256"
    root.mkdir()
    git(root, "init", "--quiet", "--object-format=sha256")
    write(root, kept="kept\n")
    commit(root)

    assert len(ship(root).git("rev-parse", "HEAD").strip()) == 64


def test_an_index_in_two_files_is_read_anew(committed: Path, ship: Callable[[Path], Copy]) -> None:
    """A split index cannot be copied alone."""
    git(committed, "config", "core.splitIndex", "true")
    git(committed, "update-index", "--split-index")
    write(committed, changed="after\n")

    assert ship(committed).git("status", "--porcelain") == " M changed\n"


def test_a_repository_that_git_cannot_read_is_a_clear_error(committed: Path, ship: Callable[[Path], Copy]) -> None:
    """It is not taken for a directory without one."""
    (committed / ".git/config").write_text("[core\n")

    with pytest.raises(HostError, match="git cannot read the repository"):
        ship(committed)


def test_a_missing_git_is_said(
    committed: Path, ship: Callable[[Path], Copy], monkeypatch: pytest.MonkeyPatch
) -> None:
    """With the command that mends it."""
    monkeypatch.setenv("PATH", "/nowhere")

    with pytest.raises(HostError, match="git is not installed") as raised:
        ship(committed)

    assert raised.value.hint is not None
    assert "apt-get install git" in raised.value.hint


def test_nothing_is_read_from_the_users_terminal(committed: Path, tmp_path: Path) -> None:
    """A git that waits for input there would wait for ever."""
    program = (
        "import sys, anyio; from pathlib import Path\n"
        "from terraphim_runner.adapters.work_tree.git_work_tree import GitWorkTree\n"
        "async def ship():\n"
        "    async with GitWorkTree(Path(sys.argv[1]), Path(sys.argv[2]), print).snapshot(): pass\n"
        "anyio.run(ship)"
    )
    argv = [sys.executable, "-c", program, str(committed), str(tmp_path / "scratch")]
    with subprocess.Popen(argv, stdin=subprocess.PIPE) as process:  # never written to, never closed
        try:
            assert process.wait(timeout=30) == 0
        finally:
            process.kill()


def test_nothing_is_left_behind(committed: Path, tmp_path: Path, ship: Callable[[Path], Copy]) -> None:
    """The temporary `.git` goes with the context."""
    ship(committed)

    assert list((tmp_path / "scratch").iterdir()) == []


def test_what_a_killed_runner_left_goes_with_the_next_and_the_living_keep_theirs(tmp_path: Path) -> None:
    """The lock on a directory ends with its process, so nobody has to remember."""
    program = (
        "import sys; from pathlib import Path\n"
        "from terraphim_runner.adapters.work_tree.scratch import Scratch\n"
        "print(Scratch(Path(sys.argv[1])).path, flush=True); sys.stdin.read()"
    )

    def start() -> tuple[subprocess.Popen[str], Path]:
        argv = [sys.executable, "-c", program, str(tmp_path)]
        process = subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        assert process.stdout is not None
        return process, Path(process.stdout.readline().strip())

    dead, dead_path = start()
    with dead:
        dead.kill()
    was_left = dead_path.is_dir()
    living, living_path = start()
    third, third_path = start()
    found = set(tmp_path.iterdir())
    for process in (living, third):
        with process:
            process.kill()

    assert was_left
    assert found == {living_path, third_path}
