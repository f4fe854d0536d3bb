"""`make faults`: runs with randomised faults; afterwards nothing may be left.

Each run is the real command line in a process of its own, on provider qemu. The exit status is 1 if a run ended
in a way that its fault does not explain, or if anything is left.
"""

from __future__ import annotations

import argparse
import random
import signal
import sys
import tempfile
from collections import defaultdict
from pathlib import Path
from typing import TYPE_CHECKING

import anyio
from bench.faults import leftover
from bench.faults.fault import FAULTS, Act, Fault
from bench.faults.run import START, Moment, Report, carry_out
from bench.faults.site import Site
from rich.console import Console
from rich.table import Table

from terraphim_runner.domain.errors import RunnerError

if TYPE_CHECKING:
    from collections.abc import Sequence

_EVENTS = (
    (None, 0),
    *(("run_started", 1),) * 2,
    ("vm_allocated", 1),
    ("job_started", 1),
    *(("step_started", 1),) * 2,
    *(("step_started", 2),) * 2,
    *(("step_started", 3),) * 2,  # the one that takes long
)


def main() -> int:
    """Carry out the campaign."""
    options = _parse()
    # A shell that starts this in the background has it ignore Ctrl-C, and so would the runs, until they set it.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    messages = Console(stderr=True, highlight=False)
    with tempfile.TemporaryDirectory(prefix="terraphim-faults-", dir="/var/tmp") as directory:
        try:
            return anyio.run(_campaign, options, Path(directory), messages)
        except RunnerError as error:
            messages.print(f"[red]error:[/red] {error}\n{error.hint or ''}")
            return error.exit_code


async def _campaign(options: argparse.Namespace, directory: Path, messages: Console) -> int:
    site = Site(directory, options.image)
    chance = random.Random(options.seed)
    messages.print(f"{options.runs} runs, seed {options.seed}")
    reports = []
    try:
        for number, fault in enumerate(choose(chance, options.runs, options.only), start=1):
            report = await carry_out(site, fault, _choose_moment(chance, fault))
            reports.append(report)
            messages.print(f"{number:4} {report.sentence}", *report.complaints, sep="\n     [red]", markup=True)
        last = await carry_out(site, FAULTS[0], START)  # it settles what the killed ones left
        left = [*(f"the last run, without a fault: {each}" for each in last.complaints), *await site.check()]
    finally:
        site.remove_template()
    _print_verdict(reports, left, site)
    return 1 if left or any(report.complaints or report.is_hung for report in reports) else 0


def choose(chance: random.Random, count: int, words: str = "") -> list[Fault]:
    """Draw `count` faults by their weights; none comes twice before all have come once."""
    kinds = [fault for fault in FAULTS if words in fault.name]
    once = sorted(kinds, key=lambda fault: chance.random() ** (1 / fault.weight), reverse=True)[:count]
    drawn = once + chance.choices(kinds, [fault.weight for fault in kinds], k=count - len(once))
    chance.shuffle(drawn)
    return drawn


def _choose_moment(chance: random.Random, fault: Fault) -> Moment:
    if fault.has_no_template:  # nothing is told while it is made
        return Moment("run_started", 1, chance.uniform(0.0, 4.0))
    with_vm = fault.act is Act.KILL_VMM
    name, number = chance.choice(_EVENTS[3:] if with_vm else _EVENTS)
    return Moment(name, number, chance.uniform(0.0, 0.8))


def _print_verdict(reports: Sequence[Report], left: Sequence[str], site: Site) -> None:
    console = Console(width=None if sys.stdout.isatty() else 120, highlight=False)
    console.print(_table(reports))
    counts = leftover.count_sessions(site.state / "ledger.jsonl")
    console.print(
        f"ledger: {counts['requested']} sessions requested, {counts['allocated']} allocated, "
        f"{counts['released']} released, {counts['allocation-failed']} not allocated"
    )
    for each in left:
        console.print(f"[red]left:[/red] {each}")
    wrong = sum(bool(report.complaints) or report.is_hung for report in reports)
    if wrong or left:
        console.print(
            f"[bold red]failed[/bold red]: {wrong} of {len(reports)} runs went wrong; {len(left)} leftovers"
        )
    else:
        console.print(f"[bold green]passed[/bold green]: {len(reports)} runs, nothing is left")


def _table(reports: Sequence[Report]) -> Table:
    table = Table(title="runs with faults", title_justify="left")
    for heading in ("fault", "endings"):
        table.add_column(heading)
    for heading in ("runs", "wrong", "hung", "longest"):
        table.add_column(heading, justify="right")
    by_fault: defaultdict[str, list[Report]] = defaultdict(list)
    for report in reports:
        by_fault[report.fault.name].append(report)
    for name, group in sorted(by_fault.items()):
        endings = sorted({f"{r.ending.conclusion or 'no verdict'} {r.ending.status}" for r in group})
        wrong = sum(bool(report.complaints) for report in group)
        hung = sum(report.is_hung for report in group)
        longest = f"{max(report.seconds for report in group):.1f} s"
        table.add_row(name, ", ".join(endings), str(len(group)), str(wrong), str(hung), longest)
    return table


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench.faults", description=__doc__)
    parser.add_argument("--runs", type=int, default=100)
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(1_000_000))
    parser.add_argument("--only", default="", metavar="WORDS", help="kinds with these words in their names")
    parser.add_argument("--image", metavar="IMAGE", help="name or digest; default: the default VM type's")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
