"""What the operator allows a pool."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from terraphim_runner.domain.budget import Budget
    from terraphim_runner.domain.vm_type import VmType


class Strategy(Enum):
    """Which of several idle VMs of a type is handed out."""

    LRU = "lru"  # the one that has been idle longest: none grows old while others are used
    MRU = "mru"  # the one that was idle for the shortest time: its pages are cached, the surplus ages out
    ROUND_ROBIN = "round-robin"  # the next slot by number: every slot gets its turn


class Reuse(Enum):
    """What becomes of the slot of a released VM."""

    RESET = "reset"  # it gets a fresh clone of the template, its next generation
    NEVER = "never"  # it is left empty for as long as this pool lives


@dataclass(frozen=True, slots=True, kw_only=True)
class PoolLimits:
    """What the operator allows."""

    budget: Budget  # what all VMs together may be promised
    max_total: int  # VMs at one instant, whatever they do
    max_starting: int = 1  # VMs that are being restored at one instant: more only slow each other down
    min_idle: Mapping[VmType, int] = field(default_factory=dict)  # in order of importance
    refill_delay_s: float = 0.0  # what is missing is prepared so much later: a hand-out's first command goes first
    max_age_s: float = 3600.0  # no older VM is handed out
    strategy: Strategy = Strategy.LRU
    reuse: Reuse = Reuse.RESET
    first_backoff_s: float = 1.0  # after a failed restore; doubled by each further one
    longest_backoff_s: float = 60.0
