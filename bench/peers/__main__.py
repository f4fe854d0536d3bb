"""`make bench-peers`: the same workflows by this runner and by nektos/act, in turns, on this machine.

Where act or a Docker engine cannot be had it says so, and compares what there is; that is no failure.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
from contextlib import AsyncExitStack
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import anyio
from anyio import to_thread
from bench.peers import act, ours
from bench.peers.absence import Absent
from bench.peers.docker import open_engine
from bench.peers.figure import FEW, MANY, Peer, PeerTimes, compare
from bench.peers.root_image import imported
from bench.peers.stop_watch import PeerFailed, Record, record
from bench.peers.workflow import make_repository
from bench.report import as_data, as_table
from rich.console import Console

from terraphim_runner.domain.errors import RunnerError
from terraphim_runner.settings.host import HostCapacity
from terraphim_runner.settings.load import load_settings
from terraphim_runner.wiring.qemu import image_store

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from bench.sample import Comparison

    from terraphim_runner.settings.model import Settings

_RESULTS = Path("bench-peers-results.json")


@dataclass(frozen=True, slots=True)
class _Runner:
    """How one peer runs a workflow of so many steps."""

    arguments: Callable[[int], list[str]]
    environ: Mapping[str, str]
    worker: ours.OurWorker | None = None

    async def run(self, repository: Path, steps: int) -> Record:
        if self.worker is not None:
            await self.worker.wait_settled()
        return await to_thread.run_sync(record, self.arguments(steps), repository, self.environ)


def main() -> int:
    """Measure, print, write `bench-peers-results.json`."""
    options = _parse()
    messages = Console(stderr=True)
    try:
        with tempfile.TemporaryDirectory(prefix="terraphim-peers-", dir="/var/tmp") as directory:
            comparisons, machine = anyio.run(_measure, options, Path(directory), messages)
    except Absent as absence:
        messages.print(f"nothing is compared: {absence}", markup=False)
        return 0
    except RunnerError as error:
        messages.print(f"error: {error}\n{error.hint or ''}", markup=False)
        return error.exit_code
    except PeerFailed as failure:
        messages.print(f"error: {failure}", markup=False)
        return 1
    _RESULTS.write_text(json.dumps(as_data(comparisons, machine), indent=1) + "\n", encoding="utf-8")
    Console(width=None if sys.stdout.isatty() else 160).print(
        as_table(comparisons, title="ours beside act, in turns: medians \\[quartiles]", other="act")
    )
    print(f"every sample is in {_RESULTS}")
    return 0


async def _measure(
    options: argparse.Namespace, directory: Path, messages: Console
) -> tuple[list[Comparison], dict[str, Any]]:
    repository = directory / "bench"
    make_repository(repository, (FEW, MANY))
    load = os.getloadavg()[0]
    async with AsyncExitStack() as stack:
        program = await to_thread.run_sync(act.find_act)
        runners, docker = await _open_runners(stack, directory, program, messages)
        times = {peer: PeerTimes() for peer in runners}
        for number in range(options.rounds + 1):
            messages.print(f"round {number} of {options.rounds}" if number else "a round that fills caches")
            for peer, runner in runners.items():
                few, many = await runner.run(repository, FEW), await runner.run(repository, MANY)
                taken = times[peer] if number else PeerTimes()  # the first round is thrown away
                taken.add(few, many)
        return compare(times, os.getloadavg()[0]), _describe(runners[Peer.HIT], docker, load)


async def _open_runners(
    stack: AsyncExitStack, directory: Path, program: Path, messages: Console
) -> tuple[dict[Peer, _Runner], str]:
    without = ours.environment(directory / "without-worker")
    with_worker = ours.environment(directory / "with-worker")
    runners: dict[Peer, _Runner] = {}
    try:
        host, version, image = await to_thread.run_sync(_prepare_docker, stack, directory)
    except Absent as absence:
        messages.print(f"act runs without Docker only: {absence}", markup=False)
        host, version = "", "none"
    else:
        runners[Peer.DOCKER] = _act(program, directory, host, image)
    runners[Peer.HOST] = _act(program, directory, host, act.HOST)
    runners[Peer.RESTORED] = _Runner(ours.arguments, without)
    messages.print("starting a worker")
    worker = await stack.enter_async_context(ours.open_worker(directory / "with-worker", with_worker))
    runners[Peer.HIT] = _Runner(ours.arguments, with_worker, worker)
    return runners, version


def _act(program: Path, directory: Path, host: str, image: str) -> _Runner:
    return _Runner(partial(act.arguments, program, image=image), act.environment(directory, host))


def _prepare_docker(stack: AsyncExitStack, directory: Path) -> tuple[str, str, str]:
    """Open an engine that has our VM image's files as an image."""
    settings = _settings()
    root_disk = image_store(settings).find(settings.vm_type("default").image).root_disk
    engine = stack.enter_context(open_engine(directory))
    image = stack.enter_context(imported(root_disk, engine, directory))
    return engine.host, engine.version, image


def _settings() -> Settings:
    return load_settings({}, os.environ, HostCapacity.measure())


def _describe(ours_: _Runner, docker: str, load: float) -> dict[str, Any]:
    probe = Path(ours_.environ["XDG_STATE_HOME"]) / "terraphim-runner/accelerator.json"
    return {
        "cpus": os.cpu_count(),
        "load_before": load,
        "act": act.VERSION,
        "docker": docker,
        "accelerator": json.loads(probe.read_text(encoding="utf-8")),
        "steps": [FEW, MANY],
    }


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench.peers", description=__doc__)
    parser.add_argument("--rounds", type=int, default=7, help="so many runs of each workflow by each peer")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
