"""Changes of a work tree, as they happen."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from watchfiles import awatch

from terraphim_runner.adapters.work_tree.git import Git
from terraphim_runner.domain.errors import HostError

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterable

_DEBOUNCE_MS = 300  # the many writes of an editor, or of `git checkout`, are one change
_PATIENCE_MS = 250  # so long a cancelled watch may take to end


async def changes_of(directory: Path) -> AsyncIterator[frozenset[Path]]:
    """Give the changed files of the work tree around `directory`, those that git ignores left out.

    Raises:
        HostError: git is missing, or the system watches no more files.
    """
    git = Git(directory)
    top = await git.line("rev-parse", "--show-toplevel")
    root = Path(top or directory)
    try:
        async for changes in awatch(
            root, watch_filter=_is_no_repository, debounce=_DEBOUNCE_MS, rust_timeout=_PATIENCE_MS
        ):
            paths = frozenset(Path(path) for _, path in changes)
            if kept := paths if top is None else paths - await _ignored(Git(root), paths):
                yield kept
    except OSError as error:
        hint = "raise the limit: sysctl fs.inotify.max_user_watches=524288"
        raise HostError(f"cannot watch {root}: {error.strerror or error}", hint=hint) from error


def _is_no_repository(_change: object, path: str) -> bool:
    return ".git" not in Path(path).parts


async def _ignored(git: Git, paths: Iterable[Path]) -> frozenset[Path]:
    names = b"".join(os.fsencode(path) + b"\0" for path in paths)
    output = await git.answer("check-ignore", "-z", "--stdin", stdin=names)
    return frozenset(Path(os.fsdecode(name)) for name in output.split(b"\0") if name)
