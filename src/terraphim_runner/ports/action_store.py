"""Repositories on this machine that the actions of a run come from."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from pathlib import Path

    from terraphim_runner.ports.vm import Tree
    from terraphim_runner.workflow.action_reference import Repository

ACTION_FILES = ("action.yml", "action.yaml")  # the first that exists counts
DOCKER_FILES = ("Dockerfile", "dockerfile")  # without one of the above they make a Docker action


@dataclass(frozen=True, slots=True)
class ActionFile:
    """The file that says what an action is; a directory with nothing but a Dockerfile has `text` None."""

    name: str  # what to call it in messages
    text: str | None


@dataclass(frozen=True, slots=True)
class ActionMapping:
    """A directory that stands for a repository: for one version of it, or for any."""

    name: str  # owner/repository
    ref: str | None
    directory: Path

    def stands_for(self, repository: Repository) -> bool:
        """Tell whether it does."""
        return self.name.lower() == repository.name.lower() and self.ref in {None, repository.ref}


class ActionStore(Protocol):
    """The repository that the user stands in, and those that the user mapped to directories.

    Names of repositories are compared without regard to case, as on GitHub; versions exactly.
    """

    @property
    def own(self) -> Repository:
        """The repository that the user stands in, at the version that runs."""
        ...

    def has(self, repository: Repository) -> bool:
        """Tell whether it is on this machine."""
        ...

    def read(self, repository: Repository, path: str) -> ActionFile | None:
        """Give the action at a path of a repository, as it is now; None if there is none.

        Raises:
            HostError: it cannot be read.
        """
        ...

    async def tree(self, repository: Repository) -> Tree:
        """List the files of a repository, to be shipped; without its `.git`.

        Raises:
            HostError: it cannot be read.
        """
        ...
