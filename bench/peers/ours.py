"""This runner, as its users start it: the command, with a worker or without one."""

from __future__ import annotations

import os
import subprocess
import sys
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from anyio import to_thread
from bench.peers.stop_watch import PeerFailed
from bench.peers.workflow import EVENT, workflow_file

from terraphim_runner.adapters.system_clock import SystemClock
from terraphim_runner.domain.errors import HostError
from terraphim_runner.worker.client import ask_status

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping

_PROGRAM = Path(sys.executable).parent / "terraphim-runner"
_POLL_S = 0.1
_STOP_S = 60.0


def arguments(steps: int) -> list[str]:
    """Give the command line that runs the workflow of so many steps."""
    return [str(_PROGRAM), "run", workflow_file(steps), "--event", EVENT, "--output", "plain"]


def environment(directory: Path) -> dict[str, str]:
    """Give our environment: a state directory of its own below `directory`, and byte code.

    An installed package has been compiled; this tree may not, and is not written to: byte code is kept elsewhere.
    """
    state, compiled = directory / "state", directory / "compiled"
    state.mkdir(parents=True, exist_ok=True)
    inherited = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    return {**inherited, "XDG_STATE_HOME": str(state), "PYTHONPYCACHEPREFIX": str(compiled)}


class OurWorker:
    """A worker with one VM that waits."""

    def __init__(self, state_dir: Path, process: subprocess.Popen[bytes], log: Path) -> None:
        """Take a worker that was started."""
        self._state_dir = state_dir
        self._process = process
        self._log = log
        self._clock = SystemClock()

    async def wait_settled(self) -> None:
        """Wait until a VM is idle and nothing is being started or ended.

        Raises:
            PeerFailed: the worker has ended.
        """
        while not await self._is_settled():
            if self._process.poll() is not None:
                raise PeerFailed(f"the worker has ended:\n{self._log.read_text(errors='replace')}")
            await self._clock.sleep_s(_POLL_S)

    async def _is_settled(self) -> bool:
        try:
            pool = (await ask_status(self._state_dir, {"ask": "status"})).pool
        except HostError:  # it is not there yet, or not any more
            return False
        return pool.is_settled and any(place.state == "idle" for place in pool.places)


@asynccontextmanager
async def open_worker(directory: Path, environ: Mapping[str, str]) -> AsyncIterator[OurWorker]:
    """Start a worker, give it when its pool is full, and end it."""
    log = directory / "worker.log"
    with log.open("wb") as stream:
        process = subprocess.Popen((_PROGRAM, "worker"), env=environ, stdout=stream, stderr=stream)  # noqa: ASYNC220
        try:
            worker = OurWorker(Path(environ["XDG_STATE_HOME"]) / "terraphim-runner", process, log)
            await worker.wait_settled()
            yield worker
        finally:
            process.terminate()
            await to_thread.run_sync(process.wait, _STOP_S)
