"""Where a build works, and as whom: root over the guest's tree, for real or in a user namespace."""

from __future__ import annotations

import os
import pwd
import shutil
from dataclasses import dataclass
from pathlib import Path

from terraphim_runner.adapters.images.tool import Toolbox, require
from terraphim_runner.domain.errors import HostError

_ENTER_NAMESPACE = ("mmdebstrap", "--unshare-helper")
_SUBORDINATE_IDS = (Path("/etc/subuid"), Path("/etc/subgid"))
_OPEN_PLACE = Path("/var/tmp")  # noqa: S108 - what is made in it is named after the user and the digest


@dataclass(frozen=True, slots=True)
class Ownership:
    """`enter` is put before commands that must be root over the tree; empty for root itself."""

    enter: tuple[str, ...] = ()


def read_ownership() -> Ownership:
    """Find out as whom this user can build.

    Raises:
        HostError: as nobody; the hint is the command that changes it.
    """
    if os.geteuid() == 0:
        return Ownership()
    require("newuidmap")
    user = pwd.getpwuid(os.geteuid()).pw_name
    if not all(_has_entry(path, user) for path in _SUBORDINATE_IDS):
        raise HostError(
            f"the user {user} cannot build images: it has no subordinate user and group ids",
            hint=f"sudo usermod --add-subuids 200000-265535 --add-subgids 200000-265535 {user}",
        )
    return Ownership(_ENTER_NAMESPACE)


@dataclass(frozen=True, slots=True)
class Workplace:
    """The directories of one build, all in `root` but perhaps those that a namespace's users must reach."""

    root: Path
    ownership: Ownership
    lock: int  # descriptor

    @property
    def inputs(self) -> Path:
        """What mmdebstrap is given; it must be able to read it from within its namespace."""
        return self.tree.with_name("inputs")

    @property
    def result(self) -> Path:
        """What becomes the image."""
        return self.root / "result"

    @property
    def log(self) -> Path:
        return self.root / "build.log"

    @property
    def tree(self) -> Path:
        """The guest's root directory, which the users of a namespace must be able to reach."""
        return _tree(self.root, self.ownership)

    @property
    def toolbox(self) -> Toolbox:
        return Toolbox(self.log, self.ownership.enter, (self.lock,))

    def make(self) -> None:
        """Make the directories; the tree is mmdebstrap's to make."""
        for directory in (self.root, self.result, self.inputs):
            directory.mkdir(mode=0o755, parents=True, exist_ok=True)


def remove_workplace(root: Path, ownership: Ownership) -> None:
    """Remove what a build left, whoever owns it; what is mounted there is left alone."""
    tree = _tree(root, ownership)
    if tree.exists():
        # the tree's own directory lies in one of ours, so that is for us to remove
        empty = ["find", str(tree), "-xdev", "-mindepth", "1", "-delete"]
        Toolbox(Path(os.devnull), ownership.enter).run_inside(empty)
    for directory in {tree.parent, root}:
        if directory.exists():
            shutil.rmtree(directory)


def _tree(root: Path, ownership: Ownership) -> Path:
    if not ownership.enter or _is_open_to_all(root.parent):
        return root / "tree"
    return _OPEN_PLACE / f"terraphim-runner-{os.getuid()}{root.name}" / "tree"


def _is_open_to_all(directory: Path) -> bool:
    return all(path.stat().st_mode & 0o001 for path in (directory, *directory.parents))


def _has_entry(path: Path, user: str) -> bool:
    lines = path.read_text(encoding="utf-8").splitlines() if path.is_file() else []
    return any(line.split(":")[0] in {user, str(os.geteuid())} for line in lines)
