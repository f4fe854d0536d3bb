"""`terraphim-runner verify`: the allocation claims, shown on real machines."""

from __future__ import annotations

import json
import os
import sys
from typing import TYPE_CHECKING, Annotated

import anyio
import typer

from terraphim_runner.cli.doctor import ReportFormat
from terraphim_runner.cli.duration import duration_text
from terraphim_runner.cli.engine_log import configure_log
from terraphim_runner.cli.phrase import count, one_line
from terraphim_runner.executor.mask import Masker
from terraphim_runner.settings.host import HostCapacity
from terraphim_runner.settings.load import load_settings
from terraphim_runner.settings.model import ProviderName
from terraphim_runner.wiring.verify import verify as verify_claims

if TYPE_CHECKING:
    from collections.abc import Iterator

    from terraphim_runner.verification.evidence import Check, ScenarioResult, Verdict

EXAMPLES = """\b
Examples:
  terraphim-runner verify
  terraphim-runner verify --provider process --output json | jq .holds"""

ProviderOption = Annotated[
    ProviderName | None, typer.Option("--provider", help="Verify this provider.", show_default="qemu")
]
OutputOption = Annotated[ReportFormat, typer.Option("--output", "-o", help="How the evidence is printed.")]


def verify(provider: ProviderOption = None, output: OutputOption = ReportFormat.TEXT) -> None:
    """Show on real machines that every run has one virtual machine of its own, and leaves none.

    Runs five scenarios and prints what was claimed beside what was observed.

    Exit status: 0 if every claim held, 1 if not, 69 if this machine cannot run VMs.
    """
    settings = load_settings({"provider": provider}, os.environ, HostCapacity.measure())
    configure_log(settings.log_level, Masker())
    has_colours = sys.stdout.isatty() and not os.environ.get("NO_COLOR")

    def show(result: ScenarioResult) -> None:
        if output is ReportFormat.TEXT:
            for line in scenario_lines(result, has_colours=has_colours):
                typer.echo(line)
            sys.stdout.flush()

    verdict = anyio.run(verify_claims, settings, show)
    if output is ReportFormat.JSON:
        typer.echo(json.dumps(as_json(verdict), indent=2))
    else:
        typer.echo(verdict_line(verdict, has_colours=has_colours))
    raise typer.Exit(0 if verdict.holds else 1)


def scenario_lines(result: ScenarioResult, *, has_colours: bool) -> Iterator[str]:
    """Give a scenario's evidence as a table: claim, expected, observed."""
    yield f"{_sign(result.holds, has_colours=has_colours)} {result.name}  {duration_text(result.duration_s)}"
    if result.error is not None:
        yield f"    could not be carried out: {one_line(result.error)}"
    width = max((len(check.claim) for check in result.checks), default=0)
    for check in result.checks:
        yield f"    {_sign(check.holds, has_colours=has_colours)} {check.claim:<{width}}  {_observed(check)}"
    yield ""


def verdict_line(verdict: Verdict, *, has_colours: bool) -> str:
    """Give the last line."""
    held = sum(scenario.holds for scenario in verdict.scenarios)
    claims = sum(len(scenario.checks) for scenario in verdict.scenarios)
    facts = f"{held} of {count(len(verdict.scenarios), 'scenario')} held, {count(claims, 'claim')} checked"
    word = "verified" if verdict.holds else "NOT verified"
    return f"{_sign(verdict.holds, has_colours=has_colours)} provider {verdict.provider} {word}: {facts}"


def as_json(verdict: Verdict) -> dict[str, object]:
    """Give the evidence for programs."""
    scenarios = [
        {
            "name": scenario.name,
            "holds": scenario.holds,
            "error": scenario.error,
            "duration_s": round(scenario.duration_s, 3),
            "checks": [
                {
                    "claim": check.claim,
                    "expected": _plain(check.expected),
                    "observed": _plain(check.observed),
                    "holds": check.holds,
                }
                for check in scenario.checks
            ],
        }
        for scenario in verdict.scenarios
    ]
    return {"provider": verdict.provider, "holds": verdict.holds, "scenarios": scenarios}


def _observed(check: Check) -> str:
    observed = one_line(str(check.observed))
    return observed if check.holds else f"{observed}, expected {one_line(str(check.expected))}"


def _plain(value: object) -> object:
    if isinstance(value, (list, tuple, set, frozenset)):
        return [_plain(item) for item in value]
    return value if isinstance(value, (str, int, float, bool, type(None))) else str(value)


def _sign(holds: bool, *, has_colours: bool) -> str:
    sign, colour = ("\u2713", "\x1b[32m") if holds else ("\u2717", "\x1b[1;31m")
    return f"{colour}{sign}\x1b[0m" if has_colours else sign
