"""What the `uses:` of a step refers to."""

from __future__ import annotations

import posixpath
import re
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Repository:
    """A repository at a version: where the action of a step may lie."""

    name: str  # owner/repository
    ref: str

    def __str__(self) -> str:
        """Give it as `uses` writes it."""
        return f"{self.name}@{self.ref}"


@dataclass(frozen=True, slots=True)
class WorkspaceAction:
    """`./path`: a directory of the workspace, as it is when the step runs."""

    path: str


@dataclass(frozen=True, slots=True)
class SelfAction:
    """`$/path`: a directory of the repository, at the version, that the file which says so is of."""

    path: str


@dataclass(frozen=True, slots=True)
class RepositoryAction:
    """`owner/repository/path@ref`: a directory of a repository; `path` is empty for its root."""

    repository: Repository
    path: str


@dataclass(frozen=True, slots=True)
class ContainerAction:
    """`docker://image`."""

    image: str


ActionReference = WorkspaceAction | SelfAction | RepositoryAction | ContainerAction


def parse_action_reference(uses: str) -> ActionReference:
    """Read what the reader of files found no fault with (`uses.action_fault`)."""
    if uses.startswith("docker://"):
        return ContainerAction(uses.removeprefix("docker://"))
    if uses.startswith("$/"):
        return SelfAction(_path(uses[2:]))
    if uses.startswith(("./", ".\\")):
        return WorkspaceAction(_path(uses[2:]))
    name, _, ref = uses.partition("@")
    owner, repository, *rest = [segment for segment in re.split(r"[\\/]", name) if segment]
    return RepositoryAction(Repository(f"{owner}/{repository}", ref), "/".join(rest))


def _path(text: str) -> str:
    path = posixpath.normpath(text.replace("\\", "/").lstrip("/"))
    return "" if path == "." else path
