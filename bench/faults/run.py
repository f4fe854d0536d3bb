"""One run of the real command line, and what happens to it."""

from __future__ import annotations

import json
import os
import signal
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from subprocess import PIPE
from time import perf_counter
from typing import TYPE_CHECKING, Any

import anyio
from anyio.streams.text import TextReceiveStream
from bench.faults.fault import Act, Ending, Fault

from terraphim_runner.adapters.system_clock import SystemClock

if TYPE_CHECKING:
    from collections.abc import Sequence

    from anyio.abc import Process
    from bench.faults.site import Site

_HUNG_S = 240.0
_clock = SystemClock()


@dataclass(frozen=True, slots=True)
class Moment:
    """When the act from outside comes: so long after the n-th event of a name, or after the start."""

    event: str | None
    number: int
    delay_s: float

    def __str__(self) -> str:
        """Say it in words."""
        after = "the start" if self.event is None else f"{self.event} {self.number}"
        return f"{self.delay_s:.2f} s after {after}"


START = Moment(None, 0, 0.0)


@dataclass(frozen=True, slots=True)
class Report:
    """What a run came to."""

    fault: Fault
    moment: Moment
    ending: Ending
    is_hung: bool
    seconds: float
    complaints: Sequence[str]  # what is not as it should be

    @property
    def sentence(self) -> str:
        """Say it in a line."""
        when = "" if self.fault.act is Act.NOTHING else f", {self.moment}"
        ending = f"{self.ending.conclusion or 'no verdict'}, exit status {self.ending.status}"
        return f"{self.fault.name}{when}: {ending}, {self.seconds:.1f} s"


@dataclass(slots=True)
class _Progress:
    events: list[dict[str, Any]] = field(default_factory=list)
    changed: anyio.Event = field(default_factory=anyio.Event)

    def take(self, event: dict[str, Any]) -> None:
        self.events.append(event)
        self.changed.set()
        self.changed = anyio.Event()

    async def wait_for(self, name: str | None, number: int) -> None:
        while name is not None and sum(event["event"] == name for event in self.events) < number:
            await self.changed.wait()


async def carry_out(site: Site, fault: Fault, moment: Moment) -> Report:
    """Run a workflow with this fault to its end, however that comes."""
    site.write_workflow(fault)
    if fault.has_no_template:
        site.remove_template()
    started_s = perf_counter()
    progress = _Progress()
    errors = site.directory / "stderr"
    with errors.open("wb") as stderr, anyio.move_on_after(_HUNG_S) as limit:
        # A session of its own: a Ctrl-C then reaches what it would reach at a terminal, and nobody else.
        process = await anyio.open_process(
            [*site.command],
            cwd=site.repository,
            env=site.environ,
            stdout=PIPE,
            stderr=stderr,
            start_new_session=True,
        )
        async with process:
            await _watch(process, fault, moment, progress)
    ending = Ending(_conclusion(progress), process.returncode or 0)
    complaints = [*_complaints(fault, ending, progress), *await site.check_processes()]
    said = errors.read_text(errors="replace")
    if "this is a bug" in said or ("Traceback" in said and not _is_interrupted_start(ending)):
        complaints.append(f"the runner said: {said.strip()[-300:]}")
    if complaints and progress.events:
        complaints.append(f"the last event: {json.dumps(progress.events[-1])[-600:]}")
    seconds = perf_counter() - started_s
    return Report(fault, moment, ending, limit.cancelled_caught, seconds, complaints)


async def _watch(process: Process, fault: Fault, moment: Moment, progress: _Progress) -> None:
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(_act, process, fault.act, moment, progress)
        if process.stdout is not None:
            await _read_events(process.stdout, progress)
        await process.wait()
        tasks.cancel_scope.cancel()


async def _read_events(stream: anyio.abc.ByteReceiveStream, progress: _Progress) -> None:
    rest = ""
    async for text in TextReceiveStream(stream):
        *lines, rest = (rest + text).split("\n")
        for line in lines:
            progress.take(json.loads(line))


async def _act(process: Process, act: Act, moment: Moment, progress: _Progress) -> None:
    if act is Act.NOTHING:
        return
    await progress.wait_for(moment.event, moment.number)
    await _clock.sleep_s(moment.delay_s)
    match act:
        case Act.KILL_VMM:
            _kill_vmm(process)
        case Act.KILL_RUNNER:
            process.kill()
        case Act.TERMINATE:
            process.terminate()
        case Act.INTERRUPT:
            _interrupt(process)
        case Act.INTERRUPT_TWICE:
            _interrupt(process)
            await _clock.sleep_s(moment.delay_s)
            _interrupt(process)


def _interrupt(process: Process) -> None:
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGINT)


def _kill_vmm(process: Process) -> None:
    for child in _vmms_of(process.pid):
        with suppress(ProcessLookupError):
            os.kill(child, signal.SIGKILL)


def _vmms_of(pid: int) -> list[int]:
    found = []
    for task in Path(f"/proc/{pid}/task").iterdir():
        with suppress(OSError):
            found += [int(word) for word in (task / "children").read_text().split()]
    return [child for child in found if _is_vmm(child)]


def _is_vmm(pid: int) -> bool:
    with suppress(OSError):
        return b"qemu-system" in Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")[0]
    return False


def _conclusion(progress: _Progress) -> str | None:
    results = [event["conclusion"] for event in progress.events if event["event"] == "run_finished"]
    return results[-1] if results else None


def _is_interrupted_start(ending: Ending) -> bool:
    """Tell whether Python itself was interrupted, at its imports: then it says so in its own way."""
    return ending == Ending(None, -signal.SIGINT)


def _complaints(fault: Fault, ending: Ending, progress: _Progress) -> list[str]:
    complaints = []
    if ending not in fault.endings:
        complaints.append(f"ended with {ending.conclusion}, exit status {ending.status}")
    results = [event for event in progress.events if event["event"] == "run_finished"]
    return complaints + [
        f"{result['allocations']} allocations, {result['releases']} releases"
        for result in results
        if result["allocations"] != result["releases"]
    ]
