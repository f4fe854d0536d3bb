"""Problem matchers: what a file of them says, and what they find in lines of output.

The rules are those of the official runner (IssueMatcher). Its regular expressions are .NET's in ECMAScript mode:
ours are those of the module `regex`, which reads them nearly all, and can be told to give up.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import regex

if TYPE_CHECKING:
    from collections.abc import Mapping

PROPERTIES = ("file", "line", "column", "severity", "code", "message", "fromPath")
_SEVERITIES = frozenset({"", "error", "warning", "notice"})
TIMEOUT_S = 1.0  # the official runner's, for one pattern on one line


class MatcherInvalid(ValueError):
    """A file of problem matchers that the official runner refuses; its message."""


@dataclass(frozen=True, slots=True)
class Pattern:
    """One regular expression, and which group holds which property of a problem."""

    expression: regex.Pattern[str]
    groups: Mapping[str, int]
    loops: bool = False


@dataclass(frozen=True, slots=True)
class MatcherConfig:
    """One problem matcher as written."""

    owner: str
    severity: str
    from_path: str
    patterns: tuple[Pattern, ...]


@dataclass(frozen=True, slots=True)
class Problem:
    """What a matcher found; a property is None where no pattern names it."""

    properties: Mapping[str, str | None]

    def __getitem__(self, name: str) -> str | None:
        """Give a property."""
        return self.properties.get(name)


class Matcher:
    """A problem matcher at work on one stream of lines."""

    def __init__(self, config: MatcherConfig, *, timeout_s: float = TIMEOUT_S) -> None:
        """Start with nothing matched."""
        self.config = config
        self._timeout_s = timeout_s
        self._running: list[Problem | None] = []
        self.reset()

    def reset(self) -> None:
        """Forget what the lines so far began."""
        self._running = [None] * (len(self.config.patterns) - 1)

    def match(self, line: str) -> Problem | None:
        """Take a line; give a problem if the line ends one.

        Raises:
            TimeoutError: the expression takes too long on this line.
        """
        patterns = self.config.patterns
        for index in range(len(patterns) - 1, -1, -1):
            before = self._running[index - 1] if index else None
            if index and before is None:
                continue
            pattern, is_last = patterns[index], index == len(patterns) - 1
            found = pattern.expression.search(line, timeout=self._timeout_s)
            if not is_last:
                self._running[index] = None if found is None else _merged(before, pattern, found)
            elif found is not None:
                self.reset()
                if pattern.loops:
                    self._running[index - 1] = before
                return self._with_defaults(_merged(before, pattern, found))
            elif index:
                self._running[index - 1] = None
        return None

    def _with_defaults(self, problem: Problem) -> Problem:
        defaults = {"severity": self.config.severity, "fromPath": self.config.from_path}
        chosen = {name: problem[name] or value for name, value in defaults.items() if value}
        return Problem({**problem.properties, **chosen})


def _merged(before: Problem | None, pattern: Pattern, found: regex.Match[str]) -> Problem:
    properties: dict[str, str | None] = {}
    for name in PROPERTIES:
        kept = None if before is None else before[name]
        if kept is None and name in pattern.groups:
            kept = found[pattern.groups[name]] or ""
        properties[name] = kept
    return Problem(properties)


def read_matchers(text: str) -> list[MatcherConfig]:
    """Read a file of problem matchers.

    Raises:
        MatcherInvalid: the official runner would refuse it, or an expression cannot be compiled here.
    """
    try:
        content = json.loads(text.removeprefix("\ufeff"))
    except ValueError as error:
        raise MatcherInvalid(f"The problem matcher file is no JSON: {error}") from error
    entries = content.get("problemMatcher") if isinstance(content, dict) else None
    matchers = [_config(entry) for entry in _objects(entries, "problemMatcher")]
    owners: set[str] = set()
    for matcher in matchers:
        if matcher.owner.casefold() in owners:
            raise MatcherInvalid(f"Duplicate owner name '{matcher.owner}'")
        owners.add(matcher.owner.casefold())
    return matchers


def _config(entry: Mapping[str, Any]) -> MatcherConfig:
    owner, severity = _text(entry, "owner"), _text(entry, "severity")
    if not owner:
        raise MatcherInvalid("Owner must not be empty")
    if severity.casefold() not in _SEVERITIES:
        raise MatcherInvalid(f"Matcher '{owner}' contains unexpected default severity '{severity}'")
    entries = _objects(entry.get("pattern"), "pattern")
    if not entries:
        raise MatcherInvalid(f"Matcher '{owner}' does not contain any patterns")
    patterns = tuple(_pattern(each, owner) for each in entries)
    _check(patterns)
    return MatcherConfig(owner, severity, _text(entry, "fromPath"), patterns)


def _pattern(entry: Mapping[str, Any], owner: str) -> Pattern:
    written = _text(entry, "regexp")
    try:
        expression = regex.compile(_translated(written), regex.VERSION0 | regex.ASCII)
    except regex.error as error:
        raise MatcherInvalid(
            f"Matcher '{owner}': the regular expression '{written}' is invalid: {error}"
        ) from error
    groups = {name: _group(entry[name], name) for name in PROPERTIES if entry.get(name) is not None}
    return Pattern(expression, groups, loops=entry.get("loop") is True)


def _translated(written: str) -> str:
    """Put what .NET writes otherwise in our engine's words: groups named by `'name'`."""
    return regex.sub(r"(?<!\\)((?:\\\\)*)\(\?'(\w+)'", r"\1(?<\2>", written)


def _check(patterns: tuple[Pattern, ...]) -> None:
    seen: set[str] = set()
    for index, pattern in enumerate(patterns):
        if pattern.loops and (index == 0 or index != len(patterns) - 1):
            raise MatcherInvalid("Only the last pattern in a multiline matcher may set 'loop'")
        if pattern.loops and "message" not in pattern.groups:
            raise MatcherInvalid("The loop pattern must set 'message'")
        for name, group in pattern.groups.items():
            if name in seen:
                raise MatcherInvalid(f"The property '{name}' is set twice")
            if not 0 <= group <= pattern.expression.groups:
                raise MatcherInvalid(f"The property '{name}' is set to {group} which is out of range")
            seen.add(name)
    if "message" not in seen:
        raise MatcherInvalid("At least one pattern must set 'message'")


def _group(value: object, name: str) -> int:
    if isinstance(value, bool) or not isinstance(value, int):
        raise MatcherInvalid(f"The property '{name}' must be the number of a group")
    return value


def _text(entry: Mapping[str, Any], name: str) -> str:
    value = entry.get(name)
    if value is not None and not isinstance(value, str):
        raise MatcherInvalid(f"'{name}' must be a string")
    return value or ""


def _objects(value: object, name: str) -> list[Mapping[str, Any]]:
    if value is None:
        return []
    if not isinstance(value, list) or not all(isinstance(item, dict) for item in value):
        raise MatcherInvalid(f"'{name}' must be a list of objects")
    return value
