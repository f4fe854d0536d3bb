"""What a run and a pool leave in the metrics, and that the metrics are what Prometheus asks of them."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

from terraphim_runner.adapters.metrics.metered_sink import MeteredSink
from terraphim_runner.adapters.metrics.metrics import Metrics, PoolFigures
from terraphim_runner.domain.conclusion import Conclusion
from terraphim_runner.domain.event import (
    JobFinished,
    RunEvent,
    RunFinished,
    RunStarted,
    StepFinished,
    VmAllocated,
    VmReleased,
)
from terraphim_runner.domain.event import VmEvidence as Evidence
from terraphim_runner.domain.ident import RunId, SessionId
from terraphim_runner.domain.vm_type import VmType
from terraphim_runner.pool.observer import Happening
from terraphim_runner.wiring.metrics import pool_observer

AT = datetime(2026, 1, 1, tzinfo=UTC)
RUN, SESSION = RunId("run-1"), SessionId("s-1")
DASHBOARD = Path(__file__).parents[4] / "contrib" / "grafana" / "terraphim-runner.json"


class Listener:
    """Whoever shows the events."""

    def __init__(self) -> None:
        self.events: list[RunEvent] = []

    def emit(self, event: RunEvent) -> None:
        self.events.append(event)


def finished(conclusion: Conclusion, *, has_vm: bool) -> RunFinished:
    vm = Evidence("vm-1.g1", "small", "memory", "warm", False, 0.03, 3) if has_vm else None
    return RunFinished(AT, RUN, conclusion, vm, int(has_vm), int(has_vm), 4.0, ())


def a_run() -> list[RunEvent]:
    success = Conclusion.SUCCESS
    return [
        RunStarted(AT, RUN, "ci", "ci.yml", "push", ()),
        VmAllocated(
            AT + timedelta(seconds=2.5), RUN, SESSION, "vm-1.g1", "small", "memory", "warm", False, duration_s=0.5
        ),
        StepFinished(AT, "build", 1, "one", success, success, 0, 1.0),
        StepFinished(AT, "build", 2, "two", Conclusion.FAILURE, success, 1, 1.0),
        JobFinished(AT, "build", success, 2.0),
        VmReleased(AT, RUN, SESSION, "vm-1.g1", 0.1),
        finished(success, has_vm=True),
    ]


def everything() -> Metrics:
    """Every series there can be."""
    metrics = Metrics()
    sink = MeteredSink(Listener(), metrics, "small")
    for event in a_run():
        sink.emit(event)
    for happening in Happening:
        pool_observer(metrics)(happening, VmType("small", "image", 1, 1, 1))
    metrics.watch_pool(lambda: PoolFigures({("small", "held"): 1, ("small", "idle"): 2}, {"small": 4}, 4))
    return metrics


def samples(metrics: Metrics) -> dict[str, float]:
    families = text_string_to_metric_families(metrics.text().decode())
    return {
        f"{sample.name}{{{','.join(sorted(sample.labels.values()))}}}": sample.value
        for family in families
        for sample in family.samples
    }


def test_a_run_is_counted_as_it_happens_and_passed_on() -> None:
    """Duration of the allocation, the wait before it, steps by conclusion, the session while it lasts."""
    metrics, listener = Metrics(), Listener()
    sink = MeteredSink(listener, metrics, "small")
    sessions = []
    for event in a_run():
        sink.emit(event)
        sessions.append(samples(metrics)["vm_active_sessions{}"])

    found = samples(metrics)
    assert listener.events == a_run()
    assert sessions == [0, 1, 1, 1, 1, 0, 0]
    assert found["vm_allocation_total{small,success}"] == 1
    assert found["vm_allocation_duration_seconds_sum{small,warm}"] == 0.5
    assert found["vm_queue_wait_seconds_sum{small}"] == 2.0
    assert found["workflow_steps_total{success}"] == 2
    assert found["workflow_jobs_total{success}"] == 1
    assert found["workflow_execution_duration_seconds_sum{success}"] == 4.0


@pytest.mark.parametrize(
    ("conclusion", "outcome"), [(Conclusion.FAILURE, "failure"), (Conclusion.CANCELLED, "cancelled")]
)
def test_a_run_that_got_no_vm_is_an_allocation_with_another_outcome(conclusion: Conclusion, outcome: str) -> None:
    """Both are told apart."""
    metrics = Metrics()
    MeteredSink(Listener(), metrics, "small").emit(finished(conclusion, has_vm=False))

    assert samples(metrics)[f"vm_allocation_total{{{outcome},small}}"] == 1


def test_a_scrape_looks_at_the_pool() -> None:
    """Counts by state, and the share that is in use."""
    found = samples(everything())

    assert found["vm_pool_vms{idle,small}"] == 2
    assert found["vm_pool_utilization{}"] == 0.25
    assert found["vm_pool_waiting{small}"] == 4
    assert [found[f"vm_pool_{name}_total{{small}}"] for name in ("hits", "misses", "unfit")] == [1, 1, 1]
    assert found["vm_restore_failures_total{small}"] == 1


def test_a_file_is_written_whole(tmp_path: Path) -> None:
    """A textfile collector reads at any moment."""
    everything().write(tmp_path / "run.prom")

    assert (tmp_path / "run.prom").read_bytes() == everything().text()
    assert [path.name for path in tmp_path.iterdir()] == ["run.prom"]


def test_names_and_units_are_as_the_linter_of_prometheus_wants_them() -> None:
    """The rules of `promtool check metrics`: help, base units, suffixes, no type and no abbreviation in a name."""
    for family in text_string_to_metric_families(everything().text().decode()):
        name, words = family.name, family.name.split("_")
        assert family.documentation, name
        assert re.fullmatch(r"[a-z][a-z0-9_]*", name), name
        assert not {"milliseconds", "ms", "minutes", "kilobytes", "mib", "percent", "s", "sec"} & set(words), name
        assert not {"gauge", "histogram", "counter"} & set(words), name
        assert not name.endswith(("_count", "_sum", "_bucket")), name
        assert all(s.name.endswith("_total") for s in family.samples) == (family.type == "counter"), name
        assert ("seconds" in words) == (family.type == "histogram"), name
        assert not {"le", "quantile"} & {k for s in family.samples for k in s.labels} or family.type == "histogram"


def test_promtool_has_nothing_to_say() -> None:
    """Where Debian's package `prometheus` is installed, its own linter is asked."""
    promtool = shutil.which("promtool")
    if promtool is None:
        pytest.skip("promtool is not installed: apt-get install prometheus")
    check = subprocess.run(
        [promtool, "check", "metrics"], input=everything().text(), capture_output=True, check=False
    )

    assert (check.returncode, check.stdout + check.stderr) == (0, b"")


def test_the_dashboard_asks_only_for_metrics_that_exist() -> None:
    """And for every family there is: a metric that nobody looks at is not worth its keep."""
    panels = json.loads(DASHBOARD.read_text())["panels"]
    queries = [target["expr"] for panel in panels for target in panel["targets"]]
    asked = {name for query in queries for name in re.findall(r"\b(?:vm|workflow)_[a-z_]+", query)} - {"vm_type"}
    families = list(text_string_to_metric_families(everything().text().decode()))
    known = {sample.name for family in families for sample in family.samples}

    assert asked <= known
    assert {family.name for family in families} <= {re.sub(r"_(total|bucket|count)$", "", name) for name in asked}


def test_every_metric_is_documented_and_nothing_else() -> None:
    """The table in docs/pool.md."""
    page = (DASHBOARD.parents[2] / "docs" / "pool.md").read_text().partition("## Metrics")[2]
    rows = [cell for line in page.splitlines() if line.startswith("| `") for cell in [line.split("|")[1]]]
    documented = {name.removesuffix("_total") for row in rows for name in re.findall(r"`(\w+)`", row)}

    assert documented == {family.name for family in text_string_to_metric_families(everything().text().decode())}
