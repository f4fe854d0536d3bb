"""Every metric there is, in a registry of its own: nothing is global, and a test can look at it."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from prometheus_client.exposition import generate_latest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from pathlib import Path

    from prometheus_client.metrics_core import Metric

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
# From a warm hand-out to a boot under emulation, and from a step to a build that takes an hour.
_ALLOCATION_S = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60)
_WAIT_S = (0.01, 0.1, 0.5, 1, 5, 15, 60, 300, 900, 3600)
_RUN_S = (0.1, 0.5, 1, 5, 15, 60, 300, 900, 1800, 3600)


@dataclass(frozen=True, slots=True)
class PoolFigures:
    """A pool at one instant."""

    vms: Mapping[tuple[str, str], int]  # by VM type and state
    waiting: Mapping[str, int]  # requests by VM type
    max_total: int


class Metrics:
    """The metrics of one process."""

    def __init__(self) -> None:
        """Start at zero."""
        self._registry = registry = CollectorRegistry()
        self.allocation_duration = Histogram(
            "vm_allocation_duration_seconds",
            "From asking for a VM to its agent's answer.",
            ["vm_type", "source"],
            buckets=_ALLOCATION_S,
            registry=registry,
        )
        self.allocations = Counter(
            "vm_allocation", "Runs that asked for a VM.", ["vm_type", "outcome"], registry=registry
        )
        self.active_sessions = Gauge("vm_active_sessions", "Runs that hold a VM.", registry=registry)
        self.queue_wait = Histogram(
            "vm_queue_wait_seconds",
            "From the start of a run to the moment at which its VM was asked for.",
            ["vm_type"],
            buckets=_WAIT_S,
            registry=registry,
        )
        self.execution_duration = Histogram(
            "workflow_execution_duration_seconds",
            "From the start of a run to its verdict.",
            ["conclusion"],
            buckets=_RUN_S,
            registry=registry,
        )
        self.jobs = Counter("workflow_jobs", "Jobs that ended.", ["conclusion"], registry=registry)
        self.steps = Counter("workflow_steps", "Steps that ended.", ["conclusion"], registry=registry)
        self.hits = Counter(
            "vm_pool_hits", "Requests that got a VM that was ready.", ["vm_type"], registry=registry
        )
        self.misses = Counter(
            "vm_pool_misses", "Requests that got a VM restored for them.", ["vm_type"], registry=registry
        )
        self.restore_failures = Counter(
            "vm_restore_failures", "VMs that could not be restored.", ["vm_type"], registry=registry
        )
        self.unfit = Counter(
            "vm_pool_unfit", "Idle VMs that had died or did not wake.", ["vm_type"], registry=registry
        )

    def watch_pool(self, look: Callable[[], PoolFigures]) -> None:
        """Have every scrape ask the pool how it is."""
        self._registry.register(_PoolCollector(look))

    def text(self) -> bytes:
        """Give all metrics in Prometheus' text format."""
        return generate_latest(_WithoutCreationTimes(self._registry))

    def write(self, path: Path) -> None:
        """Write the text to a file, whole or not at all, as a textfile collector needs it."""
        fresh = path.with_name(f".{path.name}.new")
        try:
            fresh.write_bytes(self.text())
            fresh.replace(path)
        except BaseException:
            with suppress(OSError):
                fresh.unlink()
            raise


class _PoolCollector:
    """Figures that are looked up when they are asked for."""

    def __init__(self, look: Callable[[], PoolFigures]) -> None:
        self._look = look

    def collect(self) -> Iterable[Metric]:
        figures = self._look()
        registry = CollectorRegistry()
        vms = Gauge("vm_pool_vms", "VMs of the pool.", ["vm_type", "state"], registry=registry)
        for labels, count in figures.vms.items():
            vms.labels(*labels).set(count)
        waiting = Gauge("vm_pool_waiting", "Requests that wait for a VM.", ["vm_type"], registry=registry)
        for vm_type, count in figures.waiting.items():
            waiting.labels(vm_type).set(count)
        utilization = Gauge(
            "vm_pool_utilization", "Handed-out VMs as a share of the pool's maximum, 0 to 1.", registry=registry
        )
        held = sum(count for (_, state), count in figures.vms.items() if state == "held")
        utilization.set(held / figures.max_total)
        yield from registry.collect()


class _WithoutCreationTimes:
    """Leaves out the series `…_created`, which double the output and which Prometheus' linter rejects."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._registry = registry

    def collect(self) -> Iterable[Metric]:
        for metric in self._registry.collect():
            metric.samples = [sample for sample in metric.samples if not sample.name.endswith("_created")]
            yield metric
