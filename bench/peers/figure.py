"""The figures: what is compared with what, and what it should come to."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum

from bench.peers.stop_watch import Record, per_step_s
from bench.sample import Bound, Comparison, Relation, Samples, Subject, Target

FEW, MANY = 2, 22  # steps of the two workflows
_FASTER = Target(Bound.AT_MOST, 1.0)
_TENTH = Target(Bound.AT_MOST, 0.1)


class Peer(Enum):
    """Who runs the workflows, and how."""

    HIT = "ours, a VM of a worker's pool"
    RESTORED = "ours, a VM restored for the run"
    DOCKER = "act, a container on Docker"
    HOST = "act, no container"


@dataclass(slots=True)
class PeerTimes:
    """What was measured of one peer, a value for each round."""

    first_step_s: list[float] = field(default_factory=list)
    per_step_s: list[float] = field(default_factory=list)

    def add(self, few: Record, many: Record) -> None:
        """Take the two runs of a round.

        Raises:
            PeerFailed: one of them did not run every step.
        """
        first_s = few.first_step_s(FEW)
        many.first_step_s(MANY)
        self.first_step_s.append(first_s)
        self.per_step_s.append(per_step_s((FEW, few.duration_s), (MANY, many.duration_s)))


def compare(times: dict[Peer, PeerTimes], load: float) -> list[Comparison]:
    """Set ours against act, where both were measured; only act on Docker is what targets are about."""
    comparisons = []
    for ours in (Peer.HIT, Peer.RESTORED):
        for theirs in (Peer.DOCKER, Peer.HOST):
            if ours in times and theirs in times:
                comparisons += _both(ours, theirs, times, load)
    return comparisons


def _both(ours: Peer, theirs: Peer, times: dict[Peer, PeerTimes], load: float) -> list[Comparison]:
    start = _FASTER if (ours, theirs) == (Peer.HIT, Peer.DOCKER) else None
    step = _TENTH if (ours, theirs) == (Peer.HIT, Peer.DOCKER) else None
    subjects = (
        Subject("start to first step", ours.value, theirs.value, Relation.RATIO, start),
        Subject("cost per step", ours.value, theirs.value, Relation.RATIO, step),
    )
    our, their = times[ours], times[theirs]
    samples = ((our.first_step_s, their.first_step_s), (our.per_step_s, their.per_step_s))
    return [
        Comparison(subject, Samples(tuple(one)), Samples(tuple(other)), load)
        for subject, (one, other) in zip(subjects, samples, strict=True)
    ]
