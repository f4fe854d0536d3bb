"""Who is told what happens in a pool, as it happens."""

from __future__ import annotations

from collections.abc import Callable
from enum import Enum

from terraphim_runner.domain.vm_type import VmType


class Happening(Enum):
    """What happened."""

    HIT = "hit"  # a request got a VM that was ready
    MISS = "miss"  # a request got a VM that was restored for it
    RESTORE_FAILED = "restore failed"  # ahead of time, or for a request
    UNFIT = "unfit"  # an idle VM had died, or did not wake


PoolObserver = Callable[[Happening, VmType], None]  # must not wait, and not raise


def ignore(happening: Happening, vm_type: VmType) -> None:
    """Observe nothing."""
