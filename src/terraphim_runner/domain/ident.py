"""Identities."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import NewType

RunId = NewType("RunId", str)
SessionId = NewType("SessionId", str)

_VM_ID = re.compile(r"vm-([1-9][0-9]*)\.g([1-9][0-9]*)")


@dataclass(frozen=True, slots=True)
class StepPlace:
    """Which step of a run something belongs to: `job` is the job's key; step 0 is the job itself."""

    job: str
    step: int


@dataclass(frozen=True, slots=True, order=True)
class VmId:
    """A slot of the pool and its occupant: `vm-3.g7` is the seventh VM in slot 3. Both count from 1."""

    slot: int
    generation: int

    @classmethod
    def parse(cls, text: str) -> VmId:
        """Read what `str()` wrote.

        Raises:
            ValueError: the text is not of that form.
        """
        match = _VM_ID.fullmatch(text)
        if match is None:
            raise ValueError(f"not a VM id: {text!r}")
        return cls(int(match[1]), int(match[2]))

    def __str__(self) -> str:
        """Print as `vm-<slot>.g<generation>`."""
        return f"vm-{self.slot}.g{self.generation}"
