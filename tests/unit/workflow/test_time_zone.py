"""Time zones of schedules."""

from __future__ import annotations

from typing import TYPE_CHECKING, NoReturn

from terraphim_runner.workflow.reader import read_workflow
from terraphim_runner.workflow.time_zone import time_zone_faults

if TYPE_CHECKING:
    from terraphim_runner.workflow.document import Workflow

JOBS = "jobs: {a: {runs-on: x, steps: [{run: make}]}}"


def workflow(*zones: str) -> Workflow:
    crons = "".join(f"    - {{cron: '0 5 * * *', timezone: {zone}}}\n" for zone in zones)
    result = read_workflow(f"on:\n  push:\n  schedule:\n    - cron: 0 4 * * *\n{crons}{JOBS}\n", "ci.yml")
    assert result.workflow is not None, result.diagnostics
    return result.workflow


def known() -> frozenset[str]:
    return frozenset({"Europe/Vienna", "Asia/Tokyo"})


def nobody_asks() -> NoReturn:
    raise AssertionError("the names are asked for")


def test_a_zone_that_exists_is_no_fault() -> None:
    assert time_zone_faults(workflow("Europe/Vienna", "Asia/Tokyo"), known) == ()


def test_a_zone_that_does_not_exist_is_a_fault_at_its_place_with_the_nearest_name() -> None:
    [fault] = time_zone_faults(workflow("Asia/Tokyo", "Europe/Viena"), known)

    assert (fault.span.start.line, fault.span.start.column) == (6, 37)
    assert fault.hint == "did you mean `Europe/Vienna`?"


def test_a_zone_that_is_near_no_other_gets_an_example() -> None:
    [fault] = time_zone_faults(workflow("CEST"), known)

    assert fault.hint == "names are as in Europe/Vienna; without one it is UTC"


def test_the_names_are_not_asked_for_where_no_zone_is_written() -> None:
    assert time_zone_faults(workflow(), nobody_asks) == ()


def test_a_machine_that_knows_no_names_finds_no_fault() -> None:
    assert time_zone_faults(workflow("Nowhere/Atall"), frozenset) == ()
