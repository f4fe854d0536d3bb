"""Figures for people and for programs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from bench.sample import Relation, Verdict
from rich.table import Table
from rich.text import Text

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bench.sample import Comparison, Samples, Subject

_COLOURS = {Verdict.MET: "green", Verdict.MISSED: "bold red", Verdict.NO_TARGET: "dim"}


def as_table(
    comparisons: Sequence[Comparison],
    *,
    title: str = "ours against a floor measured in the same run: medians \\[quartiles]",
    other: str = "floor",
) -> Table:
    """Lay the figures out; every cell is a median, with the quartiles in brackets. `other` heads theirs."""
    table = Table(title=title, title_justify="left")
    for heading in ("", "measured", other):
        table.add_column(heading)
    for heading in ("result", "target", "n", "load"):
        table.add_column(heading, justify="right")
    table.add_column("verdict")
    for each in comparisons:
        subject = each.subject
        table.add_row(
            subject.name,
            f"{_show(each.ours, subject)}\n[dim]{subject.ours}[/dim]",
            f"{_show(each.floor, subject)}\n[dim]{subject.floor}[/dim]",
            _figure(each),
            "" if subject.target is None else f"{subject.target.bound.value} {subject.target.limit:g}",
            str(len(each.ours.values)),
            f"{each.load:.1f}",
            Text(each.verdict.value, style=_COLOURS[each.verdict]),
        )
    return table


def as_data(comparisons: Sequence[Comparison], machine: dict[str, Any]) -> dict[str, Any]:
    """Give everything that was measured, every sample included, for JSON."""
    return {"machine": machine, "comparisons": [_data(each) for each in comparisons]}


def _data(comparison: Comparison) -> dict[str, Any]:
    subject = comparison.subject
    target = subject.target
    return {
        "name": subject.name,
        "relation": subject.relation.value,
        "result": round(comparison.figure, 4),
        "target": None if target is None else f"{target.bound.value} {target.limit:g}",
        "verdict": comparison.verdict.value,
        "load": comparison.load,
        "megabytes": subject.megabytes,
        "measured": _samples(comparison.ours, subject.ours),
        "floor": _samples(comparison.floor, subject.floor),
    }


def _samples(samples: Samples, what: str) -> dict[str, Any]:
    first, third = samples.quartiles
    return {
        "what": what,
        "n": len(samples.values),
        "median_s": round(samples.median, 6),
        "quartiles_s": [round(first, 6), round(third, 6)],
        "samples_s": [round(value, 6) for value in samples.values],
    }


def _figure(comparison: Comparison) -> str:
    if comparison.subject.relation is Relation.ADDED_MS:
        return f"{comparison.figure:+.2f} ms"
    if comparison.subject.relation is Relation.PER_SECOND:
        return f"{comparison.figure:.0f} /s"
    return f"{comparison.figure:.2f} x"


def _show(samples: Samples, subject: Subject) -> str:
    first, third = samples.quartiles
    if subject.megabytes is None:
        return f"{_duration(samples.median)} \\[{_duration(first)}, {_duration(third)}]"
    median, slow, fast = (subject.megabytes / value for value in (samples.median, third, first))
    return f"{median:.0f} MB/s \\[{slow:.0f}, {fast:.0f}]"


def _duration(seconds: float) -> str:
    return f"{seconds:.2f} s" if seconds >= 1 else f"{seconds * 1000:.1f} ms"
