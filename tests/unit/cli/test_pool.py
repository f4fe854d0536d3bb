"""`pool status`, for people."""

from __future__ import annotations

from terraphim_runner.cli.pool import status_lines
from terraphim_runner.domain.budget import Budget, Share
from terraphim_runner.pool.status import PlaceStatus, PoolStatus
from terraphim_runner.worker.message import RunStatus, WorkerStatus


def a_status(*, is_draining: bool = False) -> WorkerStatus:
    places = (
        PlaceStatus("vm-1.g8", "default", "held", 12.0, 3.0, "run-1"),
        PlaceStatus("vm-2.g1", "default", "idle", 4.0, 4.0, ""),
        PlaceStatus(None, "large", "preparing", 0.0, 1.0, ""),
    )
    pool = PoolStatus(
        places=places,
        waiting={"large": 2},
        min_idle={"default": 1, "large": 0},
        max_total=4,
        used=Share(3, 5120),
        budget=Budget(8, 12000),
        strategy="mru",
        reuse="reset",
        is_draining=is_draining,
        is_settled=False,
    )
    return WorkerStatus(42, "qemu", pool, (RunStatus("run-1", "ci.yml", "/home/me/project", 3.0),), queued=1)


def test_every_vm_is_shown_with_its_state_and_who_has_it() -> None:
    """Slot and generation, type, state, ages, run and file; then the sums."""
    lines = list(status_lines(a_status()))

    assert lines[1].split() == ["vm-1.g8", "default", "held", "3.0s", "12.0s", "run-1", "ci.yml"]
    assert lines[2].split() == ["vm-2.g1", "default", "idle", "4.0s", "4.0s"]
    assert lines[3].split() == ["-", "large", "preparing", "1.0s"]
    assert "3 VMs of at most 4; to be kept idle: 1 default; strategy mru" in lines[5]
    assert "cpus 3 of 8, memory 5120 of 12000 MiB; 3 runs waiting" in lines[6]
    assert lines[7] == "worker 42, provider qemu, 1 run"


def test_a_pool_that_is_drained_says_so() -> None:
    """Otherwise nobody would know why it stays empty."""
    assert any("draining" in line for line in status_lines(a_status(is_draining=True)))
