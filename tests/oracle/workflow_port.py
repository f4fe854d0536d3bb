"""Where GitHub's TypeScript port reads a file otherwise than GitHub's servers, whom we follow."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

    from terraphim_runner.domain.diagnostic import Diagnostic


@dataclass(frozen=True, slots=True)
class Difference:
    """What we say of a file, and what the port says."""

    kind: str
    text: str
    ours: list[Diagnostic]
    theirs: list[Any]


@dataclass(frozen=True, slots=True)
class Limit:
    """One thing the port does otherwise, and how to tell that a difference is due to it."""

    reason: str
    explains: Callable[[Difference], bool]


def refused_for(*codes: str) -> Callable[[Difference], bool]:
    """Explain a refusal of ours if there is no other reason for it."""
    return lambda difference: (
        difference.kind == "we refuse" and {each.code for each in difference.ours} <= {*codes}
    )


def is_syntax(difference: Difference) -> bool:
    """Tell whether either side calls it no YAML at all."""
    ours = any(each.code == "yaml-syntax" for each in difference.ours)
    theirs = any(re.search(r" at line [0-9]+, column [0-9]+:", each["message"]) for each in difference.theirs)
    return ours or theirs


def is_falsy_key(difference: Difference) -> bool:
    """Tell whether the port fell over a key that is no string."""
    crash = any("is not a function" in each["message"] for each in difference.theirs)
    refused = any(re.match(r"Unexpected value '(false|0|null)?'", each["message"]) for each in difference.theirs)
    return difference.kind == "we accept" and (crash or refused)


def is_bare_condition(difference: Difference) -> bool:
    """Tell whether the fault is within an `if` of several lines, which the port blames as a whole."""
    lines = difference.text.split("\n")
    blamed = [lines[each["line"] - 1] for each in difference.theirs if each["line"]]
    return difference.kind == "another line" and any(re.match(r" *(- )?if:", line) for line in blamed)


def is_ignored_key(difference: Difference) -> bool:
    """Tell whether the fault is a filter on an event that has no such filter."""
    return difference.kind == "we accept" and all(_IGNORED.match(each["message"]) for each in difference.theirs)


_IGNORED = re.compile(r"A mapping was not expected|Unexpected value '(branches|tags|paths)(-ignore)?'|.*'types'")


def is_computed_map(difference: Difference) -> bool:
    """Tell whether the fault is one expression for a whole mapping."""
    return difference.kind == "we accept" and all(
        each["message"].startswith("Unexpected type 'BasicExpressionToken'") for each in difference.theirs
    )


LIMITS = (
    Limit("GitHub ignores filters that an event does not have; so do we, with a warning", is_ignored_key),
    Limit("the port takes no expression for a whole `env` or `services`, GitHub's servers do", is_computed_map),
    Limit(
        "the port does not look into `uses` (GitHub's shared test errors-step-uses-syntax does)",
        refused_for("bad-uses", "yaml-tag"),
    ),
    Limit(
        "the port leaves format strings to the editor; GitHub's servers check them (format_validator.go)",
        refused_for("format-argument-missing", "invalid-format"),
    ),
    Limit(
        "the port's YAML library ignores tags that do not fit (GitHub's shared test errors-parse-integer not)",
        refused_for("yaml-tag", "unexpected-value"),
    ),
    Limit("the port takes an alias without an anchor for nothing at all", refused_for("unknown-anchor")),
    Limit("the port's YAML library is not libyaml's kin, as GitHub's YamlDotNet is", is_syntax),
    Limit("the port cannot read keys that are numbers, false or null", is_falsy_key),
    Limit("the port blames a whole `if` of several lines, we blame the line", is_bare_condition),
)
