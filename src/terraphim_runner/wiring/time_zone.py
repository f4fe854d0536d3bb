"""The names of time zones that this machine knows."""

from __future__ import annotations

from functools import cache


@cache
def known_time_zones() -> frozenset[str]:
    """List IANA's names; none on a machine without the time zone database."""
    from zoneinfo import available_timezones  # noqa: PLC0415  # few workflows name a zone

    return frozenset(available_timezones())
