"""How fast workflow files are checked, and how fast the command begins.

    python -m bench.validate [--runs N]

The same two experiments are part of `make bench`; here they need no VM. Exit status 1 if a target is missed.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
from functools import cache
from pathlib import Path
from time import perf_counter, thread_time
from typing import TYPE_CHECKING

import yaml
from bench.report import as_table
from bench.sample import Bound, Comparison, Relation, Samples, Subject, Target, Verdict
from rich.console import Console

from terraphim_runner.cli.source_file import SourceFile, read_source
from terraphim_runner.cli.validation import validate_source

if TYPE_CHECKING:
    from collections.abc import Callable

_ROOT = Path(__file__).parents[1]
_CORPUS = _ROOT.parent / "shared/conformance/real-workflows"
_EXAMPLE = _ROOT / "examples/python-package/.github/workflows"
_PROGRAM = "from terraphim_runner.cli.app import main; main()"
# What every command that is made with these libraries pays: one that takes paths and does nothing.
_FLOOR = """\
from pathlib import Path
from typing import Annotated
import typer, yaml
app = typer.Typer(add_completion=False, rich_markup_mode=None)
@app.command()
def command(files: Annotated[list[Path] | None, typer.Argument()] = None) -> None:
    pass
app()
"""

FILES = Subject(
    "real workflow files, checked",
    ours="CPU time of one file",
    floor="libyaml's events of it",
    relation=Relation.PER_SECOND,
    target=Target(Bound.AT_LEAST, 200),
)
START = Subject(
    "start of validate",
    ours="validate, one small file",
    floor="Python, typer and yaml",
    relation=Relation.RATIO,
    target=Target(Bound.AT_MOST, 2.0),
)


def check_files_s() -> float:
    """Check the whole corpus; give the CPU time of one file."""
    return _per_file_s(validate_source)


def parse_files_s() -> float:
    """Have libyaml read the whole corpus; give the CPU time of one file."""
    return _per_file_s(lambda source: sum(1 for _ in yaml.parse(source.text, Loader=yaml.CLoader)))


def start_s() -> float:
    """Check one small file in a process of its own."""
    return _process_s(_PROGRAM, "validate", str(_corpus_paths(_EXAMPLE)[0]))


def start_libraries_s() -> float:
    """Run a program of the same libraries that does nothing."""
    return _process_s(_FLOOR, str(_corpus_paths(_EXAMPLE)[0]))


def _process_s(*arguments: str) -> float:
    started_s = perf_counter()
    subprocess.run([sys.executable, "-c", *arguments], stdout=subprocess.DEVNULL, check=True)
    return perf_counter() - started_s


def _per_file_s(work: Callable[[SourceFile], object]) -> float:
    sources = _corpus()
    started_s = thread_time()
    for source in sources:
        work(source)
    return (thread_time() - started_s) / len(sources)


@cache
def _corpus() -> tuple[SourceFile, ...]:
    """Read the real workflows, or where they are absent the example's, which says less."""
    paths = _corpus_paths(_CORPUS) or _corpus_paths(_EXAMPLE)
    return tuple(source for source in map(read_source, paths) if source.fault is None)


def _corpus_paths(directory: Path) -> list[Path]:
    return sorted(directory.glob("*.yml"))


def main() -> int:
    """Measure both, print the table."""
    parser = argparse.ArgumentParser(prog="python -m bench.validate", description=__doc__)
    parser.add_argument("--runs", type=int, default=20, help="samples of the start; a quarter of the files")
    runs: int = parser.parse_args().runs
    comparisons = [
        _compare(FILES, check_files_s, parse_files_s, max(1, runs // 4)),
        _compare(START, start_s, start_libraries_s, runs),
    ]
    Console(width=None if sys.stdout.isatty() else 160).print(as_table(comparisons))
    return 1 if any(each.verdict is Verdict.MISSED for each in comparisons) else 0


def _compare(subject: Subject, ours: Callable[[], float], floor: Callable[[], float], count: int) -> Comparison:
    pairs = [(ours(), floor()) for _ in range(count + 1)][1:]  # the first only fills caches
    measured, least = zip(*pairs, strict=True)
    return Comparison(subject, Samples(measured), Samples(least), os.getloadavg()[0])


if __name__ == "__main__":
    sys.exit(main())
