"""Durations for people."""

from __future__ import annotations


def duration_text(seconds: float) -> str:
    """Give `0.06s`, `4.2s`, `3m 07s` or `2h 05m`: as exact as one wants to know."""
    if seconds < 0.095:
        return f"{seconds:.2f}s"
    if seconds < 59.95:
        return f"{seconds:.1f}s"
    minutes, rest_s = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes}m {rest_s:02d}s"
    hours, minutes = divmod(minutes, 60)
    return f"{hours}h {minutes:02d}m"
