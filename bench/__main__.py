"""`make bench`: figures, as ratios to a floor measured in the same run.

The exit status is 0 even when a target is missed, unless `--strict` is given.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import anyio
from anyio import to_thread
from bench.bare.floor import Floor
from bench.bare.machine import BareShape
from bench.experiment import EXPERIMENTS, TREE_FILES, TREE_SIZE, Bench, Experiment
from bench.product import Product
from bench.report import as_data, as_table
from bench.sample import Comparison, Samples, Verdict
from bench.work_tree import make_tree
from rich.console import Console

from terraphim_runner.adapters.ledger_file import LedgerFile
from terraphim_runner.domain.errors import RunnerError
from terraphim_runner.domain.network import NetworkMode
from terraphim_runner.settings.host import HostCapacity
from terraphim_runner.settings.load import load_settings

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from terraphim_runner.settings.model import Settings

_RESULTS = Path("bench-results.json")
_BUSY_PER_CPU = 0.5


def main() -> int:
    """Measure, print, write `bench-results.json`."""
    options = _parse()
    messages = Console(stderr=True)
    try:
        comparisons, machine = anyio.run(_measure, options, messages)
    except RunnerError as error:
        messages.print(f"[red]error:[/red] {error}\n{error.hint or ''}")
        return error.exit_code
    data = as_data(comparisons, machine)
    _RESULTS.write_text(json.dumps(data, indent=1) + "\n", encoding="utf-8")
    if options.output == "json":
        print(json.dumps(data))
    else:
        Console(width=None if sys.stdout.isatty() else 160).print(as_table(comparisons))
        print(f"every sample is in {_RESULTS}")
    is_missed = any(each.verdict is Verdict.MISSED for each in comparisons)
    return 1 if options.strict and is_missed else 0


async def _measure(options: argparse.Namespace, messages: Console) -> tuple[list[Comparison], dict[str, Any]]:
    load = os.getloadavg()[0]
    if load > _BUSY_PER_CPU * (os.cpu_count() or 1):
        messages.print(f"[yellow]warning:[/yellow] the machine is busy (load {load:.1f}): expect noise")
    chosen = [each for each in EXPERIMENTS if options.only in each.subject.name]
    comparisons = []
    with tempfile.TemporaryDirectory(prefix="terraphim-bench-", dir="/var/tmp") as directory:
        messages.print("preparing the template and the floor")
        async with _open_bench(Path(directory)) as bench:
            for experiment in chosen:
                count = options.runs or (experiment.quick_count if options.quick else experiment.count)
                messages.print(f"measuring: {experiment.subject.name}, {count} times each")
                comparisons.append(await _carry_out(experiment, bench, count))
            return comparisons, _describe(bench, load)


async def _carry_out(experiment: Experiment, bench: Bench, count: int) -> Comparison:
    ours, floor = await experiment.measure(bench, count)
    return Comparison(experiment.subject, Samples(tuple(ours)), Samples(tuple(floor)), os.getloadavg()[0])


@asynccontextmanager
async def _open_bench(directory: Path) -> AsyncIterator[Bench]:
    tree = directory / "tree"
    paths = await to_thread.run_sync(_make_tree, tree)
    settings = _settings(directory)
    with LedgerFile(settings.state_dir) as ledger:
        async with Product(settings) as product:
            floor = await to_thread.run_sync(_make_floor, product, directory)
            try:
                yield Bench(product, floor, ledger, tree, paths)
            finally:
                floor.close()


def _settings(directory: Path) -> Settings:
    """Take the user's settings, but a state directory of this run's own."""
    environ = {**os.environ, "XDG_STATE_HOME": str(directory)}
    return load_settings({}, environ, HostCapacity.measure())


def _make_tree(root: Path) -> list[str]:
    return make_tree(root, files=TREE_FILES, size=TREE_SIZE)


def _make_floor(product: Product, directory: Path) -> Floor:
    image, vm_type = product.image, product.vm_type
    shape = BareShape(
        vm_type.cpus,
        vm_type.memory_mib,
        image.kernel,
        image.initramfs,
        accelerator=product.host.choice.accelerator.value,
        has_network=vm_type.network.mode is not NetworkMode.NONE,
    )
    disk_size = image.root_disk.stat().st_size + (vm_type.disk_mib << 20)
    return Floor(shape, image.root_disk, disk_size, directory)


def _describe(bench: Bench, load: float) -> dict[str, Any]:
    product = bench.product
    choice = product.host.choice
    return {
        "cpus": os.cpu_count(),
        "load_before": load,
        "accelerator": choice.accelerator.value,
        "qemu": choice.program.version,
        "image": product.image.digest,
        "vm_type": {"cpus": product.vm_type.cpus, "memory_mib": product.vm_type.memory_mib},
    }


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="fewer repetitions")
    parser.add_argument("--runs", type=int, help="so many repetitions of everything")
    parser.add_argument("--only", default="", metavar="WORDS", help="what has these words in its name")
    parser.add_argument("--output", choices=("table", "json"), default="table")
    parser.add_argument("--strict", action="store_true", help="exit 1 when a target is missed")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
