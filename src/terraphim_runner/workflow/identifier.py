"""Ids of jobs and steps: what they may look like, and the ones GitHub makes up."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from terraphim_runner.expressions.value import fold_case

if TYPE_CHECKING:
    from collections.abc import Collection

_MAX_LENGTH = 100
_ID = re.compile(r"[A-Za-z_][A-Za-z0-9_-]*")
_ILLEGAL = re.compile(r"[^A-Za-z0-9_-]")
_RESERVED = "__"


def identifier_fault(name: str) -> str | None:
    """Say what is wrong with an id."""
    if not _ID.fullmatch(name) or len(name) >= _MAX_LENGTH:
        return (
            f"The identifier '{name}' is invalid. IDs may only contain alphanumeric characters, '_', and '-'. IDs"
            f" must start with a letter or '_' and and must be less than {_MAX_LENGTH} characters."
        )
    if name.startswith(_RESERVED):
        return f"The identifier '{name}' is invalid. IDs starting with '{_RESERVED}' are reserved."
    return None


class StepIds:
    """The ids of one job's steps: first the authors', then a new one for each step that has none."""

    def __init__(self) -> None:
        """Start without ids."""
        self._taken: set[str] = set()
        self._counts: dict[str, int] = {}  # how far each made id has been counted

    def take(self, name: str) -> str | None:
        """Take an author's id; say what is wrong with it."""
        fault = identifier_fault(name)
        if fault is None and fold_case(name) in self._taken:
            fault = f"The identifier '{name}' may not be used more than once within the same scope."
        if fault is None:
            self._taken.add(fold_case(name))
        return fault

    def make(self, what: str) -> str:
        """Make an id of what a step does: `__run`, `__actions_checkout`, and `__run_2` for the second."""
        stem = _RESERVED + _ILLEGAL.sub("_", what)
        count = self._counts.get(stem, 0)
        candidate = ""
        while not candidate or fold_case(candidate) in self._taken:
            count += 1
            suffix = f"_{count}" if count > 1 else ""
            candidate = stem[: _MAX_LENGTH - len(suffix)] + suffix
        self._counts[stem] = count
        self._taken.add(fold_case(candidate))
        return candidate


def step_stem(uses: str | None) -> str:
    """Say of what GitHub makes the id of a step that runs something."""
    if uses is None:
        return "run"
    if uses.startswith("docker://"):
        return uses.removeprefix("docker://") or "run"
    if uses.startswith(("./", ".\\", "$/")):
        return "self"
    return _action_stem(re.split(r"[\\/]+", uses.partition("@")[0].strip("/\\"))) if "@" in uses else "run"


def _action_stem(segments: Collection[str]) -> str:
    owner, repository = [*segments, "", ""][:2]
    return f"{owner}/{repository}" if owner and repository else "run"
