"""Durations, read and written."""

import pytest

from measures import format_duration, parse_duration


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("90s", 90), ("1h 30m", 5400), ("1h30m", 5400), ("2d", 172800), ("250ms", 0.25), ("1.5 h", 5400), (" 1m ", 60)],
)
def test_a_duration_is_read(text, seconds):
    assert parse_duration(text) == pytest.approx(seconds)


@pytest.mark.parametrize("text", ["", "1", "h", "1x", "1m 1h", "1m 1m", "-1s", "1h and 2m"])
def test_what_is_no_duration_is_refused(text):
    with pytest.raises(ValueError, match="not a duration"):
        parse_duration(text)


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0, "0s"), (0.25, "250ms"), (65, "1m 5s"), (5400, "1h 30m"), (93784, "1d 2h"), (59.9996, "1m")],
)
def test_a_duration_is_written_in_two_units_at_most(seconds, text):
    assert format_duration(seconds) == text


@pytest.mark.parametrize("seconds", [0.001, 1, 61, 3599, 86400, 90000])
def test_what_was_written_is_read_again(seconds):
    assert parse_duration(format_duration(seconds)) == pytest.approx(seconds)


def test_there_is_no_negative_duration():
    with pytest.raises(ValueError, match="not negative"):
        format_duration(-1)
