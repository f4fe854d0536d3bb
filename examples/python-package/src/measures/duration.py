"""Durations: `1h 30m`, `2d`, `90s`, `250ms`."""

import re

_SECONDS = {"d": 86400.0, "h": 3600.0, "m": 60.0, "s": 1.0, "ms": 0.001}
_PART = re.compile(r"(\d+(?:\.\d+)?)\s*(ms|[dhms])\s*")


def parse_duration(text: str) -> float:
    """Give the seconds of a duration; every unit at most once, the largest first.

    Raises:
        ValueError: the text is not of that form.
    """
    seconds = 0.0
    position = 0
    units = list(_SECONDS)
    text = text.strip()
    while position < len(text) or position == 0:
        part = _PART.match(text, position)
        if part is None or part[2] not in units:
            raise ValueError(f"not a duration: {text!r}")
        seconds += float(part[1]) * _SECONDS[part[2]]
        units = units[units.index(part[2]) + 1 :]
        position = part.end()
    return seconds


def format_duration(seconds: float) -> str:
    """Write the two largest units that matter: `1d 2h`, `1m 5s`, `250ms`."""
    if seconds < 0:
        raise ValueError(f"a duration is not negative: {seconds}")
    milliseconds = round(seconds * 1000)
    parts = []
    for unit, size in (("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1000), ("ms", 1)):
        number, milliseconds = divmod(milliseconds, size)
        if number:
            parts.append(f"{number}{unit}")
    return " ".join(parts[:2]) or "0s"
