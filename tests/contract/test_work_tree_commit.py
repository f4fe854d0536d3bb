"""What a work tree is of another commit than the present one, or with its history."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from tests.contract.git_repository import Copy, commit, git, write

from terraphim_runner.adapters.work_tree.git_work_tree import GitWorkTree

if TYPE_CHECKING:
    from pathlib import Path


pytestmark = [pytest.mark.usefixtures("no_git_settings"), pytest.mark.anyio]


async def _copy_of(committed: Path, tmp_path: Path, ref: str | None = None, *, has_history: bool = False) -> Copy:
    work_tree = GitWorkTree(committed, tmp_path / "scratch", print)
    revision = None if ref is None else await work_tree.find(ref)
    assert ref is None or revision is not None
    async with work_tree.snapshot(revision, has_history=has_history) as tree:
        return Copy(tree, tmp_path / f"copy-{ref}".replace("/", "-"))


@pytest.mark.parametrize("ref", ["topic~1", "v1", "refs/tags/v1", "old", "refs/heads/old", "theirs"])
async def test_another_commit_is_yielded_as_it_was_committed(committed: Path, tmp_path: Path, ref: str) -> None:
    """By branch, tag or commit; what was changed since, or lies about, is not in it."""
    git(committed, "tag", "-m", "one", "v1", "HEAD~1")
    git(committed, "branch", "old", "HEAD~1")
    git(committed, "update-ref", "refs/remotes/origin/theirs", "HEAD~1")
    write(committed, changed="after\n", untracked="x\n")

    copy = await _copy_of(committed, tmp_path, ref)

    assert (copy.root / "changed").read_text() == "before\n"
    assert not (copy.root / "untracked").exists()
    assert not (copy.root / "script").exists()
    assert git(copy.root, "status", "--porcelain") == ""
    assert git(copy.root, "log", "--format=%s") == "first\n"
    assert git(copy.root, "rev-parse", "--abbrev-ref", "HEAD").strip() in {"HEAD", "old", "theirs"}


@pytest.mark.parametrize("ref", ["nowhere", "0" * 40, "refs/heads/v1", "refs/tags/topic", "--all"])
async def test_what_the_clone_does_not_have_is_not_found(committed: Path, tmp_path: Path, ref: str) -> None:
    git(committed, "tag", "v1")

    assert await GitWorkTree(committed, tmp_path / "scratch", print).find(ref) is None


async def test_a_clone_with_history_has_commits_tags_and_branches_of_its_origin(
    committed: Path, tmp_path: Path
) -> None:
    git(committed, "tag", "-m", "one", "v1", "HEAD~1")
    git(committed, "branch", "side", "HEAD~1")
    write(committed, changed="after\n")

    copy = await _copy_of(committed, tmp_path, has_history=True)

    assert git(copy.root, "log", "--format=%s") == "second\nfirst\n"
    assert git(copy.root, "describe").startswith("v1-1-g")
    assert git(copy.root, "branch", "--remotes", "--format=%(refname)").split() == [
        "refs/remotes/origin/side",
        "refs/remotes/origin/topic",
    ]
    assert git(copy.root, "status", "--porcelain") == " M changed\n"
    assert git(copy.root, "fsck", "--no-dangling", "--connectivity-only") == ""


async def test_the_history_of_a_shallow_clone_ends_where_the_clone_ends(committed: Path, tmp_path: Path) -> None:
    write(committed, kept="kept more\n")
    commit(committed, "third")
    git(tmp_path, "clone", "--quiet", "--depth=2", f"file://{committed}", "shallow")

    copy = await _copy_of(tmp_path / "shallow", tmp_path, has_history=True)

    assert git(copy.root, "log", "--format=%s") == "third\nsecond\n"


async def test_branches_that_cannot_be_beside_each_other_do_not_keep_a_run_from_its_history(
    committed: Path, tmp_path: Path
) -> None:
    """The origin's are often long gone: what is checked out, then what is here, is kept."""
    git(committed, "branch", "foo")
    for name in ("foo/bar", "topic/x", "side"):
        git(committed, "update-ref", f"refs/remotes/origin/{name}", "HEAD~1")

    copy = await _copy_of(committed, tmp_path, has_history=True)

    assert git(copy.root, "branch", "--remotes", "--format=%(refname)").split() == [
        "refs/remotes/origin/foo",
        "refs/remotes/origin/side",
        "refs/remotes/origin/topic",
    ]
