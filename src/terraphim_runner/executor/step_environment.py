"""What steps set for later steps: GITHUB_ENV and GITHUB_PATH."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping


class StepEnvironment:
    """Variables and directories of PATH that the steps so far have set.

    A background step works on a fork, so that the others see what it set only once it is joined.
    """

    def __init__(self, variables: Mapping[str, str] | None = None, path: Iterable[str] = ()) -> None:
        """Start with what an enclosing environment has."""
        self.variables = dict(variables or {})
        self.path = list(path)  # the one added last comes first
        self._set: dict[str, str] = {}
        self._added: list[str] = []

    def set(self, variables: Mapping[str, str]) -> None:
        """Set variables."""
        self.variables |= variables
        self._set |= variables

    def add_path(self, directory: str) -> None:
        """Put a directory in front of PATH, or to the front if it is there already."""
        self.path = [directory, *(each for each in self.path if each != directory)]
        self._added = [*(each for each in self._added if each != directory), directory]

    def fork(self) -> StepEnvironment:
        """Give a copy that remembers what is set in it."""
        return StepEnvironment(self.variables, self.path)

    def join(self, fork: StepEnvironment) -> None:
        """Take over what was set in a fork."""
        self.set(fork._set)  # another of the same class
        for directory in fork._added:
            self.add_path(directory)
