"""`python -m bench.pool`: figures of the pool on real VMs, each beside what it is compared with."""

from __future__ import annotations

import argparse
import os
import statistics
import sys
import tempfile
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING

import anyio
from bench.pool.engine import runs_per_second
from bench.pool.site import REQUEST, first_output_s, limits, make_provider, open_pool, run_script, settle

from terraphim_runner.adapters.qemu.config import BootSetting
from terraphim_runner.adapters.system_clock import SystemClock

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    from terraphim_runner.pool.pool import VmPool

_NOMINAL_MIB = 512
_BUSY = "i=0; while [ $i -lt 60000 ]; do i=$((i+1)); done"


@dataclass(frozen=True)
class Row:
    """A figure, what it is set against, and the target."""

    name: str
    measured: str
    against: str
    figure: float
    target: str
    is_met: bool | None  # None: there is no target


def _at_most(name: str, ours: Sequence[float], floor: Sequence[float], limit: float) -> Row:
    figure = statistics.median(ours) / statistics.median(floor)
    return Row(name, _ms(ours), _ms(floor), figure, f"<= {limit:g}", figure <= limit)


def _ms(values: Sequence[float]) -> str:
    return f"{statistics.median(values) * 1000:.1f} ms (n={len(values)})"


async def hand_out(directory: Path, count: int) -> list[Row]:
    """Warm hand-out to first output, against the agent's bare exec, and against a cold boot."""
    ours, bare = [], []
    async with open_pool(directory, limits(min_idle=1, max_total=1)) as pool:
        for _ in range(count + 1):
            started_s = perf_counter()
            allocation = await pool.allocate(REQUEST)
            ours.append(perf_counter() - started_s + await first_output_s(allocation.vm))
            bare.append(statistics.median([await first_output_s(allocation.vm) for _ in range(7)][2:]))
            await pool.release(allocation.vm.id)
            await settle(pool)
    cold = [await _cold_s(directory) for _ in range(3)]
    boot = statistics.median(cold) / statistics.median(ours[1:])
    return [
        _at_most("warm hand-out to first output / bare exec", ours[1:], bare[1:], 1.5),
        Row("cold boot / warm hand-out", _ms(ours[1:]), _ms(cold), boot, ">= 40", boot >= 40),
    ]


async def _cold_s(directory: Path) -> float:
    provider = make_provider(directory)
    provider._config = replace(provider._config, boot=BootSetting.ALWAYS)  # noqa: SLF001  # as no user can
    async with provider:
        started_s = perf_counter()
        allocation = await provider.allocate(REQUEST)
        return perf_counter() - started_s + await first_output_s(allocation.vm)


async def requests(directory: Path, count: int) -> list[Row]:
    """Request to first output at the median and the 99th percentile, with a hit and with a miss."""
    rows = []
    for name, idle in (("hit", 1), ("miss", 0)):
        figures = []
        async with open_pool(directory, limits(min_idle=idle, max_total=2)) as pool:
            for _ in range(count):
                await settle(pool)
                started_s = perf_counter()
                allocation = await pool.allocate(REQUEST)
                figures.append(perf_counter() - started_s + await first_output_s(allocation.vm))
                await pool.release(allocation.vm.id)
        p99 = statistics.quantiles(figures, n=100, method="inclusive")[98]
        rows.append(Row(f"request to first output, {name}", _ms(figures), "-", p99, "(p99, s)", is_met=None))
    return rows


async def memory(directory: Path, count: int) -> list[Row]:
    """Resident memory of idle VMs, each page shared by n counted as an n-th; and what processor they use."""
    del count
    rows = []
    async with open_pool(directory, limits(min_idle=10, max_total=20)) as pool:
        pss = [_pss_mib(pid) for pid in _vmms(pool, directory)]
        share = statistics.mean(pss) / _NOMINAL_MIB
        rows.append(
            Row(
                "PSS of one of ten idle VMs / 512 MiB",
                f"{statistics.mean(pss):.1f} MiB",
                "512 MiB",
                share,
                "<= 0.12",
                share <= 0.12,
            )
        )
        pool.warm(REQUEST.vm_type, 20)
        await settle(pool)
        pids = _vmms(pool, directory)
        before, started_s = sum(map(_cpu_s, pids)), perf_counter()
        await SystemClock().sleep_s(10.0)
        used = (sum(map(_cpu_s, pids)) - before) / (perf_counter() - started_s)
        rows.append(
            Row(f"processor of {len(pids)} idle VMs, cores", f"{used:.4f}", "-", used, "<= 0.005", used <= 0.005)
        )
    return rows


async def background(directory: Path, count: int) -> list[Row]:
    """A step that computes, alone, and while another slot is reset."""
    alone, beside = [], []
    async with open_pool(directory, limits(min_idle=1, max_total=2, refill_delay_s=0.0)) as pool:
        for _ in range(count):
            held = await pool.allocate(REQUEST)
            await settle(pool)
            alone.append(await _busy_s(held.vm))
            other = await pool.allocate(REQUEST)
            await pool.release(other.vm.id)  # its reset begins now
            beside.append(await _busy_s(held.vm))
            await pool.release(held.vm.id)
            await settle(pool)
    return [_at_most("a step beside a reset / alone", beside, alone, 1.1)]


async def engine(directory: Path, count: int) -> list[Row]:
    """Runs of five steps through the whole engine on the provider `memory`, on one core."""
    rate = max([await runs_per_second(directory, 100) for _ in range(min(count, 3))])
    return [Row("runs of 5 steps per second, provider memory", f"{rate:.0f}/s", "-", rate, ">= 200", rate >= 200)]


async def _busy_s(vm: object) -> float:
    started_s = perf_counter()
    await run_script(vm, _BUSY)  # type: ignore[arg-type]
    return perf_counter() - started_s


def _vmms(pool: VmPool, directory: Path) -> list[int]:
    slots = directory / "terraphim-runner" / "slots" / "qemu"
    idle = [place.vm_id for place in pool.status().places if place.vm_id]
    return [int((slots / name.removeprefix("vm-").split(".")[0] / "vmm").read_text().split()[0]) for name in idle]


def _pss_mib(pid: int) -> float:
    lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("Pss:")) / 1024


def _cpu_s(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


FIGURES: dict[str, Callable[[Path, int], Awaitable[list[Row]]]] = {
    "hand-out": hand_out,
    "requests": requests,
    "memory": memory,
    "background": background,
    "engine": engine,
}


async def _measure(options: argparse.Namespace, directory: Path) -> None:
    for name, measure in FIGURES.items():
        if options.only in name:
            for row in await measure(directory, options.runs):
                verdict = {True: "met", False: "MISSED", None: ""}[row.is_met]
                print(
                    f"{row.name:<45} {row.measured:>18} {row.against:>18} {row.figure:9.3f} {row.target:>9} "
                    f"{verdict:<6} load {os.getloadavg()[0]:.1f}",
                    flush=True,
                )


def main() -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python -m bench.pool", description=__doc__)
    parser.add_argument("--runs", type=int, default=20)
    parser.add_argument("--only", default="", choices=("", *FIGURES))
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="terraphim-pool-", dir="/var/tmp") as directory:
        anyio.run(partial(_measure, options, Path(directory)))
    return 0


if __name__ == "__main__":
    sys.exit(main())
