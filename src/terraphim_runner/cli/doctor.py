"""`terraphim-runner doctor`: what this machine has, what is missing, what mends it."""

from __future__ import annotations

import json
import os
import sys
from dataclasses import asdict
from enum import Enum
from typing import TYPE_CHECKING, Annotated

import anyio
import typer

from terraphim_runner.cli.finding import Finding, Level, judge
from terraphim_runner.cli.phrase import count
from terraphim_runner.domain.errors import HostError
from terraphim_runner.settings.host import HostCapacity
from terraphim_runner.settings.load import load_settings
from terraphim_runner.settings.model import ProviderName
from terraphim_runner.wiring.host_facts import look_at_host

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

EXAMPLES = """\b
Examples:
  terraphim-runner doctor
  terraphim-runner doctor --output json | jq '.findings[] | select(.level == "problem")'"""

_SIGNS = {
    Level.OK: ("\u2713", "\x1b[32m"),
    Level.NOTE: ("!", "\x1b[33m"),
    Level.PROBLEM: ("\u2717", "\x1b[1;31m"),
}


class ReportFormat(Enum):
    """How a report is printed."""

    TEXT = "text"
    JSON = "json"


OutputOption = Annotated[ReportFormat, typer.Option("--output", "-o", help="How the findings are printed.")]
ProviderOption = Annotated[
    ProviderName | None, typer.Option("--provider", help="Look at what this provider needs.", show_default="qemu")
]


def doctor(provider: ProviderOption = None, output: OutputOption = ReportFormat.TEXT) -> None:
    """Look at this machine: what it has, what is missing, and the command that mends it.

    Nothing is changed. Exit status: 0 if a run can work, 69 if not.
    """
    settings = load_settings({"provider": provider}, os.environ, HostCapacity.measure())
    facts = anyio.run(look_at_host, settings)
    findings = judge(facts)
    match output:
        case ReportFormat.JSON:
            typer.echo(json.dumps(as_json(findings) | {"settings": settings.model_dump(mode="json")}, indent=2))
        case ReportFormat.TEXT:
            has_colours = sys.stdout.isatty() and not os.environ.get("NO_COLOR")
            for line in as_text(findings, has_colours=has_colours):
                typer.echo(line)
    raise typer.Exit(0 if is_healthy(findings) else HostError.exit_code)


def is_healthy(findings: Sequence[Finding]) -> bool:
    """Tell whether a run can work."""
    return not any(finding.level is Level.PROBLEM for finding in findings)


def as_json(findings: Sequence[Finding]) -> dict[str, object]:
    """Give the findings for programs."""
    plain = [asdict(finding) | {"level": finding.level.value} for finding in findings]
    return {"is_healthy": is_healthy(findings), "findings": plain}


def as_text(findings: Sequence[Finding], *, has_colours: bool) -> Iterator[str]:
    """Give the findings for people: one line each, the remedy below it, the verdict last."""
    width = max(len(finding.name) for finding in findings)
    for finding in findings:
        sign, colour = _SIGNS[finding.level]
        shown = f"{colour}{sign}\x1b[0m" if has_colours else sign
        yield f"  {shown} {finding.name:<{width}}  {finding.message}"
        if finding.remedy is not None:
            yield f"    {'':<{width}}  \u2192 {finding.remedy}"
    yield ""
    problems = sum(finding.level is Level.PROBLEM for finding in findings)
    yield "  Runs can work here." if not problems else f"  {count(problems, 'problem')}: no run can work here yet."
