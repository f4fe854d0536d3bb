"""Connect metrics to what they measure."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, assert_never

from terraphim_runner.adapters.metrics.metrics import Metrics, PoolFigures
from terraphim_runner.pool.observer import Happening

if TYPE_CHECKING:
    from terraphim_runner.domain.vm_type import VmType
    from terraphim_runner.pool.observer import PoolObserver
    from terraphim_runner.pool.pool import VmPool


def pool_observer(metrics: Metrics) -> PoolObserver:
    """Count what happens in a pool, where it happens."""

    def observe(happening: Happening, vm_type: VmType) -> None:
        match happening:
            case Happening.HIT:
                counter = metrics.hits
            case Happening.MISS:
                counter = metrics.misses
            case Happening.RESTORE_FAILED:
                counter = metrics.restore_failures
            case Happening.UNFIT:
                counter = metrics.unfit
            case _:
                assert_never(happening)
        counter.labels(vm_type.name).inc()

    return observe


def watch_pool(metrics: Metrics, pool: VmPool) -> None:
    """Have every scrape look at the pool."""

    def look() -> PoolFigures:
        status = pool.status()
        vms = Counter((place.vm_type, place.state) for place in status.places)
        return PoolFigures(vms, status.waiting, status.max_total)

    metrics.watch_pool(look)
