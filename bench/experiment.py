"""What `make bench` measures: each experiment gives the figures of both sides, taken in turns."""

from __future__ import annotations

from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial
from time import perf_counter
from typing import TYPE_CHECKING

from anyio import to_thread
from bench import neighbour, validate
from bench.bare.floor import receive_s, send_s
from bench.pairing import time_steps
from bench.sample import Bound, Relation, Subject, Target

from terraphim_runner.ports.vm import Tree, TreePlacement

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
    from pathlib import Path

    from bench.bare.floor import Floor
    from bench.bare.machine import BareMachine
    from bench.product import Product

    from terraphim_runner.ports.ledger import Ledger
    from terraphim_runner.ports.vm import Vm

Figures = tuple[list[float], list[float]]

_MIB = 1 << 20
_FILE_MIB = 64
_FILE = "/var/tmp/bench-file"
_CHUNK = bytes(256 * 1024)
TREE_FILES = 4000
TREE_SIZE = 100_000_000


@dataclass(frozen=True, slots=True)
class Bench:
    """What experiments work with."""

    product: Product
    floor: Floor
    ledger: Ledger
    tree: Path
    tree_paths: Sequence[str]


@dataclass(frozen=True, slots=True)
class Experiment:
    """A subject, how it is measured, how often."""

    subject: Subject
    measure: Callable[[Bench, int], Awaitable[Figures]]
    count: int
    quick_count: int


async def _cold_boot(bench: Bench, count: int) -> Figures:
    return await _in_turns(bench.product.boot_s, _in_thread(bench.floor.boot_s), count)


async def _restore(bench: Bench, count: int) -> Figures:
    return await _in_turns(bench.product.restore_s, _in_thread(bench.floor.restore_s), count)


async def _restore_twin(bench: Bench, count: int) -> Figures:
    return await _in_turns(bench.product.restore_s, _in_thread(bench.floor.restore_twin_s), count)


async def _root(bench: Bench, count: int) -> Figures:
    return await _in_turns(bench.product.root_s, _in_thread(bench.floor.restore_s), count)


async def _allocation(bench: Bench, count: int) -> Figures:
    return await _in_turns(bench.product.allocate_s, bench.product.allocate_booting_s, count)


async def _steps(bench: Bench, count: int) -> Figures:
    steps, bare = await time_steps(bench.product, bench.ledger, count + 1)
    return steps[1:], bare[1:]


async def _work_tree(bench: Bench, count: int) -> Figures:
    return await _in_turns(partial(_ship, bench), _in_thread(bench.floor.tree_s, bench.tree), count)


async def _file_in(bench: Bench, count: int) -> Figures:
    async with _both_machines(bench) as (vm, machine):
        return await _in_turns(partial(_put, vm), _in_thread(send_s, machine, _FILE_MIB * _MIB), count)


async def _file_out(bench: Bench, count: int) -> Figures:
    async with _both_machines(bench) as (vm, machine):
        await _put(vm)
        return await _in_turns(partial(_get, vm), _in_thread(receive_s, machine, _FILE_MIB * _MIB), count)


async def _validate_files(_: Bench, count: int) -> Figures:
    return await _in_turns(_in_thread(validate.check_files_s), _in_thread(validate.parse_files_s), count)


async def _validate_start(_: Bench, count: int) -> Figures:
    return await _in_turns(_in_thread(validate.start_s), _in_thread(validate.start_libraries_s), count)


async def _neighbour(bench: Bench, count: int) -> Figures:
    return await neighbour.beside_a_greedy_one(bench.product, count)


EXPERIMENTS = (
    Experiment(
        Subject(
            "cold boot to agent ready",
            ours="image to the agent's answer",
            floor="bare QEMU to a Python line",
            relation=Relation.RATIO,
            target=Target(Bound.AT_MOST, 1.15),
        ),
        _cold_boot,
        count=9,
        quick_count=3,
    ),
    Experiment(
        Subject(
            "restore to first output",
            ours="allocate, then exec /bin/echo",
            floor="bare clone: clock, entropy, fork, exec",
            relation=Relation.RATIO,
            target=Target(Bound.AT_MOST, 1.25),
        ),
        _restore,
        count=25,
        quick_count=7,
    ),
    Experiment(
        # What the floor was before its clones could be used.
        Subject(
            "restore, floor's clones twins",
            ours="allocate, then exec /bin/echo",
            floor="bare clone: fork, exec",
            relation=Relation.RATIO,
        ),
        _restore_twin,
        count=25,
        quick_count=7,
    ),
    Experiment(
        Subject(
            "set-up of a job's root",
            ours="open_root, network included",
            floor="bare clone, then fork and exec",
            relation=Relation.RATIO,
            target=Target(Bound.AT_MOST, 0.5),
        ),
        _root,
        count=15,
        quick_count=5,
    ),
    Experiment(
        Subject(
            "a step of a workflow",
            ours="step after step",
            floor="the agent's exec of the same",
            relation=Relation.ADDED_MS,
            target=Target(Bound.AT_MOST, 5.0),
        ),
        _steps,
        count=60,
        quick_count=15,
    ),
    Experiment(
        Subject(
            "allocation, not booting",
            ours="allocate from the template",
            floor="allocate by booting",
            relation=Relation.SPEED_RATIO,
            target=Target(Bound.AT_LEAST, 10.0),
        ),
        _allocation,
        count=9,
        quick_count=3,
    ),
    Experiment(
        Subject(
            "work tree of 4,000 files in",
            ours="put_tree",
            floor="bare mailbox disk",
            relation=Relation.SPEED_RATIO,
            target=Target(Bound.AT_LEAST, 0.5),
            megabytes=TREE_SIZE / 1e6,
        ),
        _work_tree,
        count=9,
        quick_count=3,
    ),
    Experiment(
        Subject(
            "file in",
            ours="put_file, onto the disk",
            floor="bare port, not kept",
            relation=Relation.SPEED_RATIO,
            megabytes=_FILE_MIB * _MIB / 1e6,
        ),
        _file_in,
        count=7,
        quick_count=3,
    ),
    Experiment(
        Subject(
            "file out",
            ours="get_file",
            floor="bare port",
            relation=Relation.SPEED_RATIO,
            megabytes=_FILE_MIB * _MIB / 1e6,
        ),
        _file_out,
        count=7,
        quick_count=3,
    ),
    Experiment(neighbour.SUBJECT, _neighbour, count=9, quick_count=3),
    Experiment(validate.FILES, _validate_files, count=5, quick_count=1),
    Experiment(validate.START, _validate_start, count=20, quick_count=5),
)


async def _in_turns(
    ours: Callable[[], Awaitable[float]], floor: Callable[[], Awaitable[float]], count: int
) -> Figures:
    """Take samples ABAB; the first of each only fills caches and is thrown away."""
    figures: Figures = ([], [])
    for _ in range(count + 1):
        figures[0].append(await ours())
        figures[1].append(await floor())
    return figures[0][1:], figures[1][1:]


def _in_thread(call: Callable[..., float], *arguments: object) -> Callable[[], Awaitable[float]]:
    return partial(to_thread.run_sync, call, *arguments)


@asynccontextmanager
async def _both_machines(bench: Bench) -> AsyncIterator[tuple[Vm, BareMachine]]:
    async with bench.product.vm() as vm:
        with bench.floor.clone() as machine:
            yield vm, machine


async def _ship(bench: Bench) -> float:
    async with bench.product.vm() as vm:
        started_s = perf_counter()
        await vm.put_tree(Tree(bench.tree, bench.tree_paths), TreePlacement("/home/runner/work/tree", "runner"))
        return perf_counter() - started_s


async def _put(vm: Vm) -> float:
    started_s = perf_counter()
    await vm.put_file(_FILE, _chunks())
    return perf_counter() - started_s


async def _chunks() -> AsyncIterator[bytes]:
    for _ in range(_FILE_MIB * _MIB // len(_CHUNK)):
        yield _CHUNK


async def _get(vm: Vm) -> float:
    started_s = perf_counter()
    size = 0
    async with vm.get_file(_FILE) as chunks:
        async for chunk in chunks:
            size += len(chunk)
    if size != _FILE_MIB * _MIB:
        raise RuntimeError(f"the file came back with {size} bytes")
    return perf_counter() - started_s
