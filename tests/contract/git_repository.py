"""Real repositories for tests of work trees, and a guest's copy of one."""

from __future__ import annotations

import os
import shutil
import subprocess
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

    from terraphim_runner.ports.vm import Tree

IDENTITY = ("-c", "user.name=A User", "-c", "user.email=user@example.invalid", "-c", "protocol.file.allow=always")


def git(directory: Path, *arguments: str) -> str:
    done = subprocess.run(
        ["git", *IDENTITY, *arguments],
        cwd=directory,
        check=False,
        capture_output=True,
        text=True,
        errors="surrogateescape",
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def write(root: Path, **contents: str) -> None:
    for name, content in contents.items():
        (root / name).write_text(content)


def commit(root: Path, message: str = "a commit") -> None:
    git(root, "add", "--all")
    git(root, "commit", "--quiet", "-m", message)


def new_repository(tmp_path: Path) -> Path:
    """Make one with two commits on the branch `topic`."""
    root = tmp_path / "repository"
    root.mkdir()
    git(root, "init", "--quiet", "--initial-branch=topic")
    (root / "src").mkdir()
    write(root, kept="kept\n", changed="before\n", deleted="deleted\n")
    (root / "src/deep.txt").write_text("deep\n")
    (root / ".gitignore").write_text("*.log\n")
    commit(root, "first")
    (root / "script").write_text("#!/bin/sh\n")
    (root / "script").chmod(0o755)
    (root / "link").symlink_to("kept")
    commit(root, "second")
    return root


class Copy:
    """A guest's copy of a tree: whole seconds, other inodes, nothing of the host's settings."""

    def __init__(self, tree: Tree, root: Path) -> None:
        self.root = root
        for directory, source in tree.extra.items():
            shutil.copytree(source, root / directory, symlinks=True)
        for path in tree.paths:
            (root / path).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(tree.root / path, root / path, follow_symlinks=False)
            second = os.lstat(tree.root / path).st_mtime_ns // 10**9
            os.utime(root / path, ns=(second * 10**9, second * 10**9), follow_symlinks=False)

    def git(self, *arguments: str) -> str:
        return git(self.root, *arguments)

    def files(self) -> set[str]:
        return {
            str(path.relative_to(self.root))
            for path in self.root.rglob("*")
            if ".git" not in path.relative_to(self.root).parts and not (path.is_dir() and not path.is_symlink())
        }
