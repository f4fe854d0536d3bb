"""The evidence of `verify`, printed."""

from __future__ import annotations

import json

from terraphim_runner.cli.verify import as_json, scenario_lines, verdict_line
from terraphim_runner.verification.evidence import Check, ScenarioResult, Verdict

_GOOD = ScenarioResult("one workflow", (Check("allocations", 1, 1), Check("VMs", [1, 2], [1, 2])), 0.5)
_BAD = ScenarioResult("ten steps", (Check("allocations", 1, 12), Check("releases", 1, 1)), 1.5)
_BROKEN = ScenarioResult("limit", (), 2.0, error="MachineLost: \x1b]0;evil\x07gone")


def test_a_claim_that_holds_is_shown_with_what_was_observed() -> None:
    """One line each, below the scenario."""
    assert list(scenario_lines(_GOOD, has_colours=False)) == [
        "\u2713 one workflow  0.5s",
        "    \u2713 allocations  1",
        "    \u2713 VMs          [1, 2]",
        "",
    ]


def test_a_claim_that_does_not_hold_is_shown_with_what_was_expected() -> None:
    """Both numbers are needed to understand it."""
    lines = list(scenario_lines(_BAD, has_colours=False))

    assert lines[:2] == ["\u2717 ten steps  1.5s", "    \u2717 allocations  12, expected 1"]


def test_a_scenario_that_could_not_be_carried_out_did_not_hold() -> None:
    """Its reason is cleaned: it may be a guest's words."""
    lines = list(scenario_lines(_BROKEN, has_colours=False))

    assert lines[:2] == ["\u2717 limit  2.0s", "    could not be carried out: MachineLost: gone"]


def test_the_verdict_counts() -> None:
    """One scenario that did not hold spoils it."""
    assert verdict_line(Verdict("qemu", (_GOOD,)), has_colours=False) == (
        "\u2713 provider qemu verified: 1 of 1 scenario held, 2 claims checked"
    )
    assert verdict_line(Verdict("qemu", (_GOOD, _BAD, _BROKEN)), has_colours=False) == (
        "\u2717 provider qemu NOT verified: 1 of 3 scenarios held, 4 claims checked"
    )


def test_programs_get_the_same_evidence() -> None:
    """Everything can be written as JSON, sets too."""
    odd = ScenarioResult("odd", (Check("VMs", frozenset({1}), frozenset({1})),), 0.1)
    evidence = json.loads(json.dumps(as_json(Verdict("process", (_BAD, odd)))))

    assert evidence["holds"] is False
    assert evidence["scenarios"][0]["checks"][0] == {
        "claim": "allocations",
        "expected": 1,
        "observed": 12,
        "holds": False,
    }
    assert evidence["scenarios"][1]["checks"][0]["observed"] == [1]
