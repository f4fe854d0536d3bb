"""What the local clone knows of an event that no payload describes."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

from terraphim_runner.adapters.work_tree.git import Git
from terraphim_runner.workflow.event_context import Repository

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

# git@github.com:owner/name.git, https://token@github.com/owner/name, ssh://git@host:22/owner/name.git
_OWNER_AND_NAME = re.compile(r"[/:]([^/:]+)/([^/]+?)(?:\.git)?/?$")


async def read_repository(directory: Path) -> Repository:
    """Ask git; outside a repository, and in one without commits, the answers stay empty.

    Raises:
        HostError: git is missing, or will not read the repository.
    """
    git = Git(directory)
    await git.is_repository()
    ask = git.line
    head = await ask("symbolic-ref", "--quiet", "HEAD")
    top = await ask("rev-parse", "--show-toplevel")
    return Repository(
        ref=head or await _tag(ask) or "",
        sha=await ask("rev-parse", "--verify", "--quiet", "HEAD") or "",
        default_branch=await _default_branch(ask),
        name=await _name(ask, Path(top or directory)),
        actor=await ask("config", "user.name") or "",
        head_message=await ask("log", "-1", "--format=%B"),
    )


async def _tag(ask: Callable[..., Awaitable[str | None]]) -> str | None:
    tag = await ask("describe", "--tags", "--exact-match")
    return f"refs/tags/{tag}" if tag else None


async def _default_branch(ask: Callable[..., Awaitable[str | None]]) -> str:
    remote = await ask("symbolic-ref", "--quiet", "refs/remotes/origin/HEAD")
    return (remote or "").removeprefix("refs/remotes/origin/")


async def _name(ask: Callable[..., Awaitable[str | None]], top: Path) -> str:
    """Give owner/name: the remote's, or for a repository without one the directory's under a made-up owner."""
    match = _OWNER_AND_NAME.search(await ask("remote", "get-url", "origin") or "")
    return f"{match[1]}/{match[2]}" if match else f"local/{top.name}"
