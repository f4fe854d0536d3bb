"""Sizes, read and written."""

import pytest

from measures import format_size, parse_size


@pytest.mark.parametrize(
    ("size", "text"),
    [
        (0, "0 B"),
        (1023, "1023 B"),
        (1024, "1 KiB"),
        (1536, "1.5 KiB"),
        (1024**2 - 1, "1 MiB"),
        (5 * 1024**3, "5 GiB"),
        (3000 * 1024**4, "3000 TiB"),
    ],
)
def test_a_size_is_written(size, text):
    assert format_size(size) == text


@pytest.mark.parametrize(("text", "size"), [("0 B", 0), ("1.5 KiB", 1536), ("2GiB", 2 * 1024**3), (" 7 B ", 7)])
def test_a_size_is_read(text, size):
    assert parse_size(text) == size


@pytest.mark.parametrize("text", ["", "1", "KiB", "1 KB", "1 kib", "-1 B", "1 B 2 B"])
def test_what_is_no_size_is_refused(text):
    with pytest.raises(ValueError, match="not a size"):
        parse_size(text)


def test_there_is_no_negative_size():
    with pytest.raises(ValueError, match="not negative"):
        format_size(-1)
