"""Cron lines as GitHub takes them."""

from __future__ import annotations

import pytest

from terraphim_runner.workflow.cron import cron_fault, parse_cron, runs_too_often


@pytest.mark.parametrize(
    "cron",
    [
        "* * * * *",
        "0 0 1 1 0",
        "59 23 31 12 6",
        "0,30 * * * *",
        "*/15 * * * *",
        "1-5/2 * * * *",
        "0 9-17 * * MON-FRI",
        "0 0 * jan,Feb *",
        "5/10 * * * *",
        "0  0 * * *",
    ],
)
def test_a_cron_line_is_taken(cron: str) -> None:
    assert parse_cron(cron) is not None


@pytest.mark.parametrize(
    "cron",
    [
        "",
        "* * * *",
        "* * * * * *",
        "60 * * * *",
        "* 24 * * *",
        "* * 0 * *",
        "* * * 13 *",
        "* * * * 7",
        "@daily",
        "5-1 * * * *",
        "*/0 * * * *",
        "*/x * * * *",
        "* * * */FEB *",
        "1,,2 * * * *",
        "-1 * * * *",
        "1- * * * *",
        "a * * * *",
        "* * * mon *",
        "¹ * * * *",
    ],
)
def test_what_is_no_cron_line_is_refused(cron: str) -> None:
    assert parse_cron(cron) is None


def test_a_field_is_what_it_matches() -> None:
    fields = parse_cron("10-20/5,0 */12 * feb MON-wed")

    assert fields is not None
    assert fields[0] == {0, 10, 15, 20}
    assert fields[1] == {0, 12}
    assert fields[3] == {2}
    assert fields[4] == {1, 2, 3}


@pytest.mark.parametrize("cron", ["* * * * *", "*/4 * * * *", "0,2 * * * *", "2,59 * * * *", "10-14 * * * *"])
def test_less_than_five_minutes_apart_is_too_often(cron: str) -> None:
    assert runs_too_often(cron)


@pytest.mark.parametrize("cron", ["*/5 * * * *", "0 * * * *", "0,55 * * * *", "not a cron line"])
def test_five_minutes_apart_is_not_too_often(cron: str) -> None:
    assert not runs_too_often(cron)


@pytest.mark.parametrize(
    ("cron", "fault"),
    [
        ("@daily", "five fields are expected, here is 1"),
        ("0 0 * *", "five fields are expected, here are 4"),
        ("0 25 * * *", "the hour is '25'; it goes from 0 to 23"),
        ("0 0 * * 7", "the weekday is '7'; it goes from 0 to 6, or sun and so on"),
        ("*/0 0 * * *", "the minute is '*/0'; it goes from 0 to 59"),
        ("0 0 * * mon-fri", None),
    ],
)
def test_what_is_wrong_with_a_cron_line_is_said_of_its_first_wrong_field(cron: str, fault: str | None) -> None:
    assert fault == cron_fault(cron)
