"""Sizes in bytes: `512 B`, `1.5 KiB`, `2 GiB`."""

import re

_UNITS = ("B", "KiB", "MiB", "GiB", "TiB")
_SIZE = re.compile(r"\s*(\d+(?:\.\d+)?)\s*(B|[KMGT]iB)\s*")


def parse_size(text: str) -> int:
    """Give the bytes of a size.

    Raises:
        ValueError: the text is not of that form.
    """
    size = _SIZE.fullmatch(text)
    if size is None:
        raise ValueError(f"not a size: {text!r}")
    return round(float(size[1]) * 1024 ** _UNITS.index(size[2]))


def format_size(size: int) -> str:
    """Write it in the largest unit of which there is at least one, with at most one decimal."""
    if size < 0:
        raise ValueError(f"a size is not negative: {size}")
    value = float(size)
    for unit in _UNITS[:-1]:
        if round(value, 1) < 1024:
            return f"{value:.1f}".removesuffix(".0") + f" {unit}"
        value /= 1024
    return f"{value:.1f}".removesuffix(".0") + f" {_UNITS[-1]}"
