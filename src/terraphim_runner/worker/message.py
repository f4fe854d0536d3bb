"""What is said between a worker and who asks it. Each message is one line of JSON; a connection is for one matter.

    run      {"ask": "run", "hello": …, "run": LocalRun}      then, perhaps, {"ask": "cancel"}
             ← {"refused": why}, or {"event": …} for each event and {"finished": true} or {"error": …} at the end
    status   {"ask": "status", "hello": …}                    ← {"status": WorkerStatus}
    warm     {"ask": "warm", "hello": …, "vm_type": name, "count": n}   ← as `status`, once they are idle
    drain    {"ask": "drain", "hello": …}                     ← as `status`, once every VM has a holder

Who hangs up stops its run at once, and is not waited for any more.
"""

from __future__ import annotations

from dataclasses import dataclass
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

from terraphim_runner.worker.line_socket import PROTOCOL

if TYPE_CHECKING:
    from terraphim_runner.pool.status import PoolStatus
    from terraphim_runner.settings.model import Settings

# What each side may have its own of: they do not change what a run is.
_OWN = {"log_level", "metrics_address", "pool", "max_concurrent_sessions", "when_full"}


@dataclass(frozen=True, slots=True)
class RunStatus:
    """A run that the worker executes now."""

    run_id: str
    file: str
    directory: str
    age_s: float


@dataclass(frozen=True, slots=True)
class WorkerStatus:
    """A worker at one instant."""

    pid: int
    provider: str
    pool: PoolStatus
    runs: tuple[RunStatus, ...]
    queued: int  # runs that wait for a session


def hello(settings: Settings) -> dict[str, Any]:
    """Say who asks, so that two that would misunderstand each other notice."""
    return {
        "protocol": PROTOCOL,
        "version": version("terraphim-runner"),
        "settings": settings.model_dump(mode="json", exclude=_OWN),
    }


def difference(theirs: Any, ours: dict[str, Any]) -> str | None:
    """Say why a run cannot be handed over, if it cannot."""
    if not isinstance(theirs, dict) or any(theirs.get(key) != ours[key] for key in ("protocol", "version")):
        return "it is of another version"
    settings: Any = theirs.get("settings")
    names = sorted(name for name, value in ours["settings"].items() if settings.get(name) != value)
    return f"it has other settings: {', '.join(names)}" if names else None
