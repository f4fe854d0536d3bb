"""Boot and restore many VMs under load, and count those that hang or are lost.

    python bench/soak.py --boots 200 --restores 1000 [--load 2] [--parallel 2] [--without-guards 10]

Load comes from processes of our own that keep as many cores busy. Exit status 0 only if every VM came up and
answered. `--without-guards` first boots that many VMs without the kernel's TSC words, to show what they are for.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING
from unittest import mock

import anyio

from terraphim_runner.adapters.qemu import parts
from terraphim_runner.adapters.qemu.command_line import kernel_command_line
from terraphim_runner.adapters.qemu.config import Accelerator, BootSetting, QemuConfig
from terraphim_runner.adapters.qemu.provider import QemuProvider
from terraphim_runner.adapters.system_clock import SystemClock
from terraphim_runner.domain.errors import RunnerError
from terraphim_runner.domain.vm_type import VmType
from terraphim_runner.ports.vm import AllocationRequest, Command
from terraphim_runner.settings.host import HostCapacity
from terraphim_runner.settings.load import load_settings
from terraphim_runner.wiring.qemu import image_store

if TYPE_CHECKING:
    from collections.abc import Iterator

    from terraphim_runner.ports.image import ImageStore

_BUSY = "while True: sum(range(100000))"
_COMMAND_TIMEOUT_S = 60.0


@dataclass
class Tally:
    """What became of the VMs of one kind."""

    name: str
    durations_s: list[float] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        """Print as a line of the report."""
        if not self.durations_s:
            return f"{self.name}: none came up, {len(self.failures)} failed"
        ordered = sorted(self.durations_s)
        median, p99 = statistics.median(ordered), ordered[min(len(ordered) - 1, len(ordered) * 99 // 100)]
        figures = f"median {median:.2f} s, p99 {p99:.2f} s, most {ordered[-1]:.2f} s"
        return f"{self.name}: {len(ordered)} up, {len(self.failures)} failed; {figures}"


async def soak(provider: QemuProvider, vm_type: VmType, tally: Tally, count: int, parallel: int) -> None:
    """Allocate, use and release `count` VMs, `parallel` at a time."""
    remaining = iter(range(count))

    async def work() -> None:
        for _ in remaining:
            await use_one(provider, vm_type, tally)
            done = len(tally.durations_s) + len(tally.failures)
            if done % 25 == 0:
                print(f"  {done}/{count} {tally}", flush=True)

    async with anyio.create_task_group() as tasks:
        for _ in range(parallel):
            tasks.start_soon(work)


async def use_one(provider: QemuProvider, vm_type: VmType, tally: Tally) -> None:
    """Obtain a VM, have it compute something, release it; whatever goes wrong is counted."""
    started = time.monotonic()
    try:
        vm = (await provider.allocate(AllocationRequest(vm_type))).vm
        with anyio.fail_after(_COMMAND_TIMEOUT_S):
            async with vm.exec(Command(("/bin/sh", "-c", "echo $((6 * 7))"))) as execution:
                output = b"".join([data async for _, data in execution])
        tally.durations_s.append(time.monotonic() - started)
        if output != b"42\n":
            tally.failures.append(f"wrong answer {output!r}")
        await provider.release(vm.id)
    except (RunnerError, TimeoutError) as exc:
        tally.failures.append(f"{type(exc).__name__} after {time.monotonic() - started:.1f} s: {exc}")
        print(f"  FAILED {tally.failures[-1]}", flush=True)


@contextmanager
def load(count: int) -> Iterator[None]:
    """Keep cores busy."""
    with ExitStack() as stack:
        for _ in range(count):
            process = subprocess.Popen([sys.executable, "-c", _BUSY])
            stack.callback(process.wait)
            stack.callback(process.kill)
        yield


@contextmanager
def without_guards() -> Iterator[None]:
    """Boot as FIELD-NOTES.md warns not to."""

    def unguarded(tsc_khz: int, accelerator: Accelerator) -> str:
        words = kernel_command_line(tsc_khz, accelerator).split()
        return " ".join(word for word in words if not word.startswith(("tsc", "no_timer_check")))

    with mock.patch.object(parts, "kernel_command_line", unguarded):
        yield


async def main(options: argparse.Namespace) -> int:
    """Run what was asked for; print the report."""
    images: ImageStore = image_store(load_settings({}, os.environ, HostCapacity.measure()))
    vm_type = VmType("soak", options.image, options.cpus, options.memory, 1024)
    tallies = []
    with tempfile.TemporaryDirectory(prefix="soak-") as directory, load(options.load):
        cloning = QemuConfig(Path(directory), Path(directory))
        booting = replace(cloning, boot=BootSetting.ALWAYS)
        if options.without_guards:
            tallies.append(Tally("boots without guards"))
            with without_guards():
                async with QemuProvider(replace(booting, boot_timeout_s=20), images, SystemClock()) as provider:
                    await soak(provider, vm_type, tallies[-1], options.without_guards, options.parallel)
        for name, config, count in (("boots", booting, options.boots), ("restores", cloning, options.restores)):
            tallies.append(Tally(name))
            async with QemuProvider(config, images, SystemClock()) as provider:
                await soak(provider, vm_type, tallies[-1], count, options.parallel)
    print(*tallies, sep="\n")
    return 1 if any(tally.failures for tally in tallies if "without" not in tally.name) else 0


def parse_options() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--boots", type=int, default=200)
    parser.add_argument("--restores", type=int, default=1000)
    parser.add_argument("--without-guards", type=int, default=0)
    parser.add_argument("--load", type=int, default=os.cpu_count() or 1, help="busy processes beside the VMs")
    parser.add_argument("--parallel", type=int, default=2, help="VMs at a time")
    parser.add_argument("--cpus", type=int, default=1)
    parser.add_argument("--memory", type=int, default=512, help="MiB")
    parser.add_argument("--image", default="debian-12")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(anyio.run(main, parse_options()))
