"""Cron lines as `on.schedule` takes them: five fields, numbers or English names, no `@daily`."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

_MONTHS = ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"]
_DAYS = ["sun", "mon", "tue", "wed", "thu", "fri", "sat"]
_NUMBER = re.compile(r"[0-9]+")


@dataclass(frozen=True, slots=True)
class _Field:
    name: str
    minimum: int
    maximum: int
    names: Mapping[str, int] = field(default_factory=dict)

    def value(self, text: str) -> int | None:
        """Read one number or name that is within bounds."""
        if text.lower() in self.names:
            return self.names[text.lower()]
        number = int(text) if _NUMBER.fullmatch(text) else -1
        return number if self.minimum <= number <= self.maximum else None

    def values(self, text: str) -> set[int] | None:
        """Read a whole field: what it matches; None if it is not well formed."""
        matched: set[int] = set()
        for part in text.split(","):
            values = self._part(part)
            if values is None:
                return None
            matched |= values
        return matched

    def _part(self, text: str) -> set[int] | None:
        span, slash, written_step = text.partition("/")
        bounds = self._bounds(span, steps=bool(slash))
        step = self.value(written_step) if _NUMBER.fullmatch(written_step) else None
        if bounds is None or (slash and not step):
            return None
        return set(range(bounds[0], bounds[1] + 1, step or 1))

    def _bounds(self, text: str, *, steps: bool) -> tuple[int, int] | None:
        if text == "*":
            return self.minimum, self.maximum
        first, dash, last = text.partition("-")
        low, high = self.value(first), self.value(last) if dash else self.value(first)
        if low is None or high is None or high < low:
            return None
        return low, self.maximum if steps and not dash else high


_FIELDS = (
    _Field("minute", 0, 59),
    _Field("hour", 0, 23),
    _Field("day of the month", 1, 31),
    _Field("month", 1, 12, {name: number for number, name in enumerate(_MONTHS, 1)}),
    _Field("weekday", 0, 6, {name: number for number, name in enumerate(_DAYS)}),
)


def parse_cron(cron: str) -> tuple[frozenset[int], ...] | None:
    """Read what minutes, hours, days, months and weekdays (0 is Sunday) match; None if it is no cron line."""
    parts = re.split(" +", cron)
    if len(parts) != len(_FIELDS):
        return None
    fields = [each.values(part) for each, part in zip(_FIELDS, parts, strict=True)]
    found = [values for values in fields if values is not None]
    return tuple(map(frozenset, found)) if len(found) == len(_FIELDS) else None


def cron_fault(cron: str) -> str | None:
    """Say what keeps a text from being a cron line: the first field that is not well formed."""
    parts = re.split(" +", cron)
    if len(parts) != len(_FIELDS):
        return f"five fields are expected, here {'is' if len(parts) == 1 else 'are'} {len(parts)}"
    for each, part in zip(_FIELDS, parts, strict=True):
        if each.values(part) is None:
            names = f", or {next(iter(each.names))} and so on" if each.names else ""
            return f"the {each.name} is '{part}'; it goes from {each.minimum} to {each.maximum}{names}"
    return None


def runs_too_often(cron: str) -> bool:
    """Say whether it asks for more than GitHub's once in five minutes."""
    fields = parse_cron(cron)
    if fields is None:
        return False
    minutes = sorted(fields[0])
    following = [*minutes[1:], minutes[0] + 60]
    return any(later - minute < 5 for minute, later in zip(minutes, following, strict=True))
