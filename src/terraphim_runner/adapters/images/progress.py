"""How far a build has come."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum


class BuildPhase(Enum):
    """What a build does, in this order; the value is how to say it to a person."""

    WAIT = "waiting for another build of this image"
    PREPARE = "reading package lists"
    DOWNLOAD = "downloading packages"
    INSTALL = "installing packages"
    CUSTOMIZE = "adding the agent and the recipe's files"
    KERNEL = "unpacking the kernel"
    DISK = "writing the root disk"
    PUBLISH = "moving the image into place"


# Where each phase lies on the bar: its share of the time a build takes, measured on the reference machine.
_SPANS = {
    BuildPhase.WAIT: (0.0, 0.0),
    BuildPhase.PREPARE: (0.0, 0.08),
    BuildPhase.DOWNLOAD: (0.08, 0.38),
    BuildPhase.INSTALL: (0.11, 0.78),
    BuildPhase.CUSTOMIZE: (0.78, 0.86),
    BuildPhase.KERNEL: (0.86, 0.88),
    BuildPhase.DISK: (0.88, 0.97),
    BuildPhase.PUBLISH: (0.97, 1.0),
}


@dataclass(frozen=True, slots=True)
class BuildProgress:
    """A moment of a build: `fraction` of the whole, from 0 to 1; `detail` is what is being handled."""

    phase: BuildPhase
    fraction: float
    detail: str = ""


OnProgress = Callable[[BuildProgress], None]


def progress_within(phase: BuildPhase, part: float, detail: str = "") -> BuildProgress:
    """Place a `part` (0 to 1) of a phase on the bar of the whole build."""
    start, end = _SPANS[phase]
    return BuildProgress(phase, start + (end - start) * part, detail)
