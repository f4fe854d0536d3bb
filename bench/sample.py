"""Figures: samples, what they are compared with, and the verdict."""

from __future__ import annotations

import statistics
from dataclasses import dataclass
from enum import Enum


class Relation(Enum):
    """How a measured median is set against the floor's."""

    RATIO = "ratio"  # ours / floor
    SPEED_RATIO = "speed ratio"  # floor / ours: above 1 we are faster
    ADDED_MS = "added ms"  # ours - floor
    PER_SECOND = "per second"  # how many of ours; the floor is shown beside it


class Bound(Enum):
    """Which side of the limit is good."""

    AT_MOST = "<="
    AT_LEAST = ">="


class Verdict(Enum):
    """What a comparison came to."""

    MET = "met"
    MISSED = "missed"
    NO_TARGET = "-"


@dataclass(frozen=True, slots=True)
class Target:
    """What a figure should be."""

    bound: Bound
    limit: float

    def judge(self, figure: float) -> Verdict:
        """Compare a figure with the limit."""
        is_met = figure <= self.limit if self.bound is Bound.AT_MOST else figure >= self.limit
        return Verdict.MET if is_met else Verdict.MISSED


@dataclass(frozen=True, slots=True)
class Samples:
    """Seconds, as they were measured."""

    values: tuple[float, ...]

    @property
    def median(self) -> float:
        """The middle."""
        return statistics.median(self.values)

    @property
    def quartiles(self) -> tuple[float, float]:
        """The first and the third quartile: half of all values lie between them."""
        if len(self.values) == 1:
            return self.values[0], self.values[0]
        first, _, third = statistics.quantiles(self.values, n=4, method="inclusive")
        return first, third


@dataclass(frozen=True, slots=True)
class Subject:
    """What is measured, and what it should come to."""

    name: str
    ours: str  # what the one side is, in words
    floor: str  # and the other
    relation: Relation
    target: Target | None = None
    megabytes: float | None = None  # moved by each sample: the figures are then shown as speeds


@dataclass(frozen=True, slots=True)
class Comparison:
    """A subject with its figures."""

    subject: Subject
    ours: Samples
    floor: Samples
    load: float  # the machine's load average while it was measured

    @property
    def figure(self) -> float:
        """The ratio or difference of the medians."""
        ours, floor = self.ours.median, self.floor.median
        match self.subject.relation:
            case Relation.RATIO:
                return ours / floor
            case Relation.SPEED_RATIO:
                return floor / ours
            case Relation.ADDED_MS:
                return (ours - floor) * 1000
            case Relation.PER_SECOND:
                return 1 / ours

    @property
    def verdict(self) -> Verdict:
        """Whether the target is met."""
        target = self.subject.target
        return Verdict.NO_TARGET if target is None else target.judge(self.figure)
