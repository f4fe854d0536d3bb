"""Compares our reader with GitHub's own parser on real workflow files with one thing changed.

    python -m tests.oracle.workflow_oracle --count 2000 --seed 1

Needs Node 20 and `npm ci` in this directory, once, and ../shared/conformance. Two readings agree when both take
the file and find the same events, jobs, needs, steps and conditions in it, or both refuse it and at least one
fault is on the same line. Exits 1 when they do not, and no known limit of the port says why.
"""

from __future__ import annotations

import argparse
import json
import re
import subprocess
import sys
from collections import Counter
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING, Any

from tests.oracle.workflow_mutation import Mutant, mutants
from tests.oracle.workflow_port import LIMITS, Difference

from terraphim_runner.domain.diagnostic import Severity
from terraphim_runner.workflow.job import NormalJob
from terraphim_runner.workflow.reader import ReadResult, read_workflow
from terraphim_runner.workflow.step import RunStep, UsesStep

if TYPE_CHECKING:
    from collections.abc import Iterator

    from terraphim_runner.workflow.document import Workflow

HERE = Path(__file__).parent
CORPUS = HERE.parents[2] / "shared" / "conformance" / "real-workflows"
AGREED, UNEXPLAINED = "agreed", "UNEXPLAINED"


def main(arguments: list[str] | None = None) -> int:
    """Run the comparison; return the exit status."""
    parser = argparse.ArgumentParser(description="Compare our workflow reader with GitHub's own.")
    parser.add_argument("--count", type=int, default=2000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--show", type=int, default=20, help="how many unexplained differences to print")
    options = parser.parse_args(arguments)
    counts: Counter[str] = Counter()
    files = list(changed_files(Random(options.seed), options.count))
    for (name, mutant), theirs in zip(files, githubs_readings(files), strict=True):
        verdict = judge(name, mutant, theirs)
        counts[verdict] += 1
        if verdict.startswith(UNEXPLAINED) and counts[verdict] <= options.show:
            report(name, mutant, theirs)
    for verdict, number in counts.most_common():
        sys.stdout.write(f"{number:>7}  {verdict}\n")
    return 1 if any(verdict.startswith(UNEXPLAINED) for verdict in counts) else 0


def changed_files(random: Random, count: int) -> Iterator[tuple[str, Mutant]]:
    manifest = json.loads((CORPUS / "manifest.json").read_text(encoding="utf-8"))
    names = [case["file"] for case in manifest["cases"] if case["github_verdict"] == "accepts"]
    for _ in range(count):
        name = random.choice(names)
        text = (CORPUS / name).read_bytes().decode("utf-8-sig")
        yield from ((name, mutant) for mutant in mutants(text, random, 1))


def githubs_readings(files: list[tuple[str, Mutant]]) -> list[Any]:
    lines = "".join(json.dumps({"file": name, "text": mutant.text}) + "\n" for name, mutant in files)
    command = ["node", str(HERE / "workflows.mjs")]
    done = subprocess.run(command, input=lines, capture_output=True, text=True, check=True, encoding="utf-8")
    return [json.loads(line) for line in done.stdout.splitlines()]


def judge(name: str, mutant: Mutant, theirs: Any) -> str:
    difference = compare(mutant.text, read_workflow(mutant.text, name), theirs)
    if difference is None:
        return AGREED
    explained = next((limit.reason for limit in LIMITS if limit.explains(difference)), None)
    return explained or f"{UNEXPLAINED}: {difference.kind}"


def compare(text: str, ours: ReadResult, theirs: Any) -> Difference | None:
    errors = [each for each in ours.diagnostics if each.severity is Severity.ERROR]
    their_errors = theirs.get("errors", [{"line": None, "message": theirs.get("crash")}])
    if bool(errors) != bool(their_errors):
        return Difference("we refuse" if errors else "we accept", text, errors, their_errors)
    if errors:
        lines = {each.span.start.line for each in errors}
        same = any(error["line"] in lines or error["line"] is None for error in their_errors)
        return None if same else Difference("another line", text, errors, their_errors)
    if ours.workflow is not None and summary(ours.workflow) == their_summary(theirs):
        return None
    return Difference("another model", text, errors, their_errors)


def summary(workflow: Workflow) -> Any:
    jobs = []
    for job in workflow.jobs:
        steps = [step_summary(step) for step in job.steps] if isinstance(job, NormalJob) else None
        jobs.append([job.id.value, [need.value for need in job.needs], squeezed(job.condition.text), steps])
    return [sorted({trigger.name.value for trigger in workflow.triggers}), jobs]


def step_summary(step: Any) -> Any:
    return [step.id, squeezed(step.condition.text) if isinstance(step, RunStep | UsesStep) else None]


def their_summary(theirs: Any) -> Any:
    jobs = []
    for job in theirs["jobs"]:
        steps = [[step["id"], squeezed(step["if"])] for step in job["steps"]] if job["steps"] is not None else None
        jobs.append([job["id"], job["needs"], squeezed(job["if"]), steps])
    return [sorted(theirs["events"]), jobs]


def squeezed(condition: str | None) -> str | None:
    """Leave blanks out, and the `format` they cause: the port keeps the indentation of block scalars."""
    return None if condition is None else _BLANK_FORMAT.sub(r"\1", "".join(condition.split()))


_BLANK_FORMAT = re.compile(r"format\('\{0\}',(.*)\)")


def report(name: str, mutant: Mutant, theirs: Any) -> None:
    difference = compare(mutant.text, read_workflow(mutant.text, name), theirs)
    if difference is None:
        return
    sys.stdout.write(f"{difference.kind}: {name}, {mutant.what}\n")
    for error in difference.ours[:3]:
        sys.stdout.write(f"    ours   {error.span.start.line}:{error.span.start.column}: {error.message}\n")
    for error in difference.theirs[:3]:
        message = str(error["message"]).partition("\n")[0]
        sys.stdout.write(f"    theirs {error['line']}:{error.get('column')}: {message}\n")


if __name__ == "__main__":
    sys.exit(main())
