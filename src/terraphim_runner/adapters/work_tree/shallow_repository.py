"""A `.git` of depth one, or with all history: what is checked out and nothing of this machine's."""

from __future__ import annotations

import json
import re
import shutil
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import urlsplit, urlunsplit

import anyio.to_thread

from terraphim_runner.adapters.work_tree.git import Git

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from pathlib import Path

_OPTIONS = (
    "-c", "core.hooksPath=/dev/null",
    "-c", "core.fsmonitor=false",
    "-c", "core.untrackedCache=false",
    "-c", "core.splitIndex=false",
)  # fmt: skip

_RENAMED = {
    "refs/remotes/origin/": "refs/remotes/origin/",
    "refs/heads/": "refs/remotes/origin/",
    "refs/tags/": "refs/tags/",
}


@dataclass(frozen=True, slots=True)
class Source:
    """The repository that is copied."""

    root: Path
    index: Path | None = None
    objects: Path | None = None
    shallow: Path | None = None  # its list of commits without parents, where it is itself shallow
    commit: str | None = None  # None: there is none yet
    branch: str | None = "main"  # None: no branch is checked out
    object_format: str = "sha1"
    remote_url: str | None = None
    has_history: bool = False  # all commits, branches and tags are wanted


async def make_shallow_repository(source: Source, directory: Path) -> Path:
    """Make `directory/.git` and give its path."""
    env = {"GIT_DEFAULT_HASH": source.object_format, "GIT_DEFAULT_REF_FORMAT": "files"}
    await Git(directory, *_OPTIONS, env=env).run("init", "--quiet", "--template=", ".")
    git_dir = directory / ".git"
    git = Git(source.root, *_OPTIONS, f"--git-dir={git_dir}", f"--work-tree={source.root}")
    if source.branch is not None:
        await git.run("symbolic-ref", "HEAD", f"refs/heads/{source.branch}")
    if source.commit is not None:
        if source.has_history:
            await _copy_history(git_dir, source, source.commit)
        else:
            await _copy_objects(git_dir, source, source.commit)
        await _set_references(git, source, source.commit)
        await _make_index(git, git_dir, source)
    await _configure(git, source)
    return git_dir


async def _copy_objects(git_dir: Path, source: Source, commit: str) -> None:
    """Pack what the commit consists of.

    Ten times faster than a fetch, for nothing is compressed or checked anew; and nothing is written to the source,
    as it would be by a git that runs there.
    """
    git = _borrowing(git_dir, source)
    objects = await git.run("rev-list", "--objects", "--no-object-names", "--no-walk", commit)
    target = git_dir / "objects" / "pack" / "pack"
    await git.run("pack-objects", "-q", "--window=0", "--compression=0", str(target), stdin=objects)
    await anyio.Path(git_dir / "shallow").write_text(f"{commit}\n", encoding="ascii")


async def _copy_history(git_dir: Path, source: Source, commit: str) -> None:
    """Pack all that the branches and tags lead to, and give them their names: as after a clone."""
    if source.shallow is not None:
        await anyio.to_thread.run_sync(_copy_if_there, source.shallow, git_dir / "shallow")
    git = _borrowing(git_dir, source)
    references = await Git(source.objects or git_dir).run("for-each-ref", "--format=%(objectname) %(refname)")
    wanted = _without_clashes(
        dict(_as_cloned(references.decode(errors="surrogateescape").splitlines())), source.branch
    )
    tips = "".join(f"{tip}\n" for tip in {*wanted.values(), commit})
    target = git_dir / "objects" / "pack" / "pack"
    # Packs of the source are used as they are: nothing is computed anew.
    await git.run("pack-objects", "-q", "--revs", "--delta-base-offset", str(target), stdin=tips.encode())
    updates = "".join(f"create {name} {tip}\n" for name, tip in wanted.items())
    await git.run("update-ref", "--stdin", stdin=updates.encode(errors="surrogateescape"))


def _as_cloned(references: Iterable[str]) -> Iterator[tuple[str, str]]:
    """Give the names and tips that a clone would have: this repository's branches come after its origin's."""
    for line in sorted(references, key=lambda each: " refs/heads/" in each):
        tip, _, name = line.partition(" ")
        for kept, new in _RENAMED.items():
            if name.startswith(kept) and name != "refs/remotes/origin/HEAD":
                yield new + name.removeprefix(kept), tip


def _without_clashes(wanted: Mapping[str, str], branch: str | None) -> dict[str, str]:
    """Leave out names that git cannot have beside others: `foo/bar` beside `foo`, of which one is long gone.

    The branch that is checked out comes before this repository's others, which come before its origin's.
    """
    own = f"refs/remotes/origin/{branch}"
    kept: dict[str, str] = {}
    directories: set[str] = set()
    order = [*wanted]
    order.reverse()
    order.sort(key=lambda each: each != own)
    for name in order:
        above = {name[:end] for end, character in enumerate(name) if character == "/"}
        if name not in directories and not above & kept.keys():
            kept[name] = wanted[name]
            directories |= above
    return kept


def _borrowing(git_dir: Path, source: Source) -> Git:
    env = {"GIT_ALTERNATE_OBJECT_DIRECTORIES": json.dumps(str(source.objects), ensure_ascii=False)}
    return Git(git_dir, *_OPTIONS, f"--git-dir={git_dir}", env=env)


async def _set_references(git: Git, source: Source, commit: str) -> None:
    head = ("--no-deref", "HEAD") if source.branch is None else ("HEAD",)  # through HEAD the branch is made
    await git.run("update-ref", *head, commit)
    if source.branch is not None and source.remote_url is not None:
        await git.run("update-ref", f"refs/remotes/origin/{source.branch}", commit)


async def _make_index(git: Git, git_dir: Path, source: Source) -> None:
    """Make the commit's index, keeping what the user's index knows of files that were not touched since.

    Then git in the guest need not read every file to see that it is unchanged. It is told to compare size and
    second only, for a copy keeps no more; so what is known to differ must be marked, or a change within the
    same second would be missed there.
    """
    if source.index is not None:
        await anyio.to_thread.run_sync(_copy_if_there, source.index, git_dir / "index")
    if await git.complaint("read-tree", "--reset", "HEAD"):  # say, an index that shares a part with another file
        await anyio.Path(git_dir / "index").unlink(missing_ok=True)
        await git.run("read-tree", "HEAD")
    await git.complaint("update-index", "-q", "--refresh")  # its exit code says that there are changes
    changed = (await git.run("diff-files", "-z", "--diff-filter=MT", "--ignore-submodules")).split(b"\0")
    records = b"".join(_unrefreshed(*pair) for pair in zip(changed[::2], changed[1::2], strict=False))
    await git.run("update-index", "-z", "--index-info", stdin=records)


def _copy_if_there(index: Path, copy: Path) -> None:
    if index.exists():
        shutil.copy2(index, copy)  # with its time: files of that second are those that git does not trust it about


def _unrefreshed(facts: bytes, path: bytes) -> bytes:
    """Turn a record of diff-files into one of update-index that sets the same entry without times and size."""
    mode, _, object_id, *_ = facts.removeprefix(b":").split(b" ")
    return mode + b" " + object_id + b"\t" + path + b"\0"


async def _configure(git: Git, source: Source) -> None:
    await git.run("config", "core.checkStat", "minimal")
    await git.run("config", "core.trustctime", "false")
    url = without_credentials(source.remote_url)
    if url is not None:
        await git.run("config", "remote.origin.url", url)
        await git.run("config", "remote.origin.fetch", "+refs/heads/*:refs/remotes/origin/*")


def without_credentials(url: str | None) -> str | None:
    """Strip a remote's address of user, password and query; None for a place on this machine."""
    if url is None:
        return None
    if re.match(r"(?:[\w.-]+@)?[\w.-]+:(?!//|:)", url):  # git@host:path
        return url
    parts = urlsplit(url)
    if parts.scheme not in {"http", "https", "ssh", "git"}:
        return None
    user, _, host = parts.netloc.rpartition("@")
    login = user.partition(":")[0]
    netloc = f"{login}@{host}" if parts.scheme == "ssh" and login else host
    return urlunsplit((parts.scheme, netloc, parts.path, "", ""))
